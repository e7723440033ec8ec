"""What media keeps under the deployment's keys."""

from kernel.key_uses import KeyUse, counts_by, key_id_of, renewing
from plugins.media import keys
from plugins.media.tables import Video

KEY_USES = (
    KeyUse(
        "media.videos",
        "keys of videos",
        counts_by(key_id_of(Video.hls_key), Video.hls_key.is_not(None)),
        renewing(Video.hls_key, Video.file_id, keys.PURPOSE),
    ),
)
