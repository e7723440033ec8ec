// Passkeys in a browser: whether there are any, asking for one, making one.
import { call } from "../portal/api.js";

// Those of a school work at its own address alone; without one it is enough that the browser knows them.
export const canUsePasskeys = (origin = location.origin) => origin === location.origin
  && "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential;

export function showWhereUsable() {
  for (const each of document.querySelectorAll("[data-passkey]")) each.hidden = !canUsePasskeys(each.dataset.passkey);
  for (const each of document.querySelectorAll("[data-passkey-elsewhere]")) each.hidden = each.dataset.passkeyElsewhere === location.origin;
}

export async function signIn(mfaToken, { conditional = false, signal } = {}) {
  const token = mfaToken ? { mfa_token: mfaToken } : {};
  const { public_key: options } = await call("POST", "/api/v1/auth/passkeys/sign-in/options", token);
  const credential = await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
    mediation: conditional ? "conditional" : "optional",
    signal,
  });
  return call("POST", "/api/v1/auth/passkeys/sign-in", { credential: credential.toJSON(), ...token });
}

export async function make(options, name) {
  const credential = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
  });
  return call("POST", "/api/v1/auth/passkeys", { name, credential: credential.toJSON() });
}
