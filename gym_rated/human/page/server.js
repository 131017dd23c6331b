// Asking the server: how long an answer may take, and what it means that none, or a refusal, came.

const PATIENCE_MS = 15000;

export const patience = () => AbortSignal.timeout(PATIENCE_MS);

// Returns the answer; a refusal is thrown, with its `status` and the server's own sentence.
export async function get(path, headers = {}) {
  const answer = await fetch(path, { headers, signal: patience() });
  if (!answer.ok) {
    throw Object.assign(new Error(await sentenceOf(answer)), { status: answer.status });
  }
  return answer;
}

export function post(path, body) {
  return fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function sentenceOf(answer) {
  try {
    return String((await answer.json()).detail);
  } catch {
    return `The server answered ${answer.status}.`;
  }
}

// The kind of trouble behind an error or a refusal; without a status, nobody answered.
export function troubleOf({ status }) {
  if (status === 401) return "stranger";
  return status >= 500 ? "busy" : "offline";
}
