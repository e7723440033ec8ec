// Calls of the API: JSON to the same origin, one refresh after a 401, then the sign-in dialog; refusals as ApiProblem.
const BASE = "/api/v1";
let signInAgain = async () => false;
let refreshing = null;

export class ApiProblem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail || body?.title || "");
    this.status = status;
    this.code = body?.code || "";
    this.errors = body?.errors || [];
    this.requestId = body?.request_id || "";
    this.retryAfter = retryAfter;
  }
}

export function onSignedOut(ask) {
  signInAgain = ask;
}

export function refresh() {
  refreshing ??= fetch(`${BASE}/auth/refresh`, { method: "POST" })
    .then((answer) => answer.ok, () => false)
    .finally(() => { refreshing = null; });
  return refreshing;
}

export async function call(method, path, body, look = () => {}) {
  let answer = await send(method, path, body);
  const isSigningIn = /^\/api\/v1\/auth\/(login|mfa$|refresh|register|forgot|reset|verify|resend|accept|passkeys\/sign)/.test(path);
  if (answer.status === 401 && !isSigningIn && (await refresh() || await signInAgain())) {
    answer = await send(method, path, body);
  }
  look(answer.headers);
  if (answer.ok) return answer.status === 204 || answer.status === 205 ? null : answer.json().catch(() => null);
  throw new ApiProblem(answer.status, await answer.json().catch(() => null), Number(answer.headers.get("retry-after")) || 0);
}

async function send(method, path, body, tries = 0) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (method === "GET" && tries < 2) {
      await new Promise((done) => setTimeout(done, 500 * (tries + 1)));
      return send(method, path, body, tries + 1);
    }
    throw new ApiProblem(0, null, 0);
  }
}
