// Uploads a file by tus-js-client: begins at one server, goes away in the middle, goes on at another.
import { createReadStream, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [modules, first, second, host, authorization, path] = process.argv.slice(2)
const tus = createRequire(join(modules, 'any.js'))('tus-js-client')
const common = {
  chunkSize: 3_000_000,
  uploadSize: statSync(path).size,
  headers: { Authorization: authorization, Host: host },
  metadata: { filename: 'lesson.mp4', purpose: 'video' },
  retryDelays: [100, 500, 1000, 2000],
}

function run(options, stopAfter) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(createReadStream(path), {
      ...common,
      ...options,
      onError: reject,
      onSuccess: () => resolve(upload.url),
      onChunkComplete: (_size, accepted) => {
        if (stopAfter && accepted >= stopAfter) upload.abort().then(() => resolve(upload.url), reject)
      },
    })
    upload.start()
  })
}

const begun = new URL(await run({ endpoint: first }, 6_000_000))
console.log(await run({ uploadUrl: new URL(begun.pathname, second).href }, 0))
