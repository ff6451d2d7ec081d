/** In front of the ids of a worker's sessions. */
export function sessionPrefix(worker: number): string {
  return `${worker}.`
}

/** Which worker has the session; undefined for an id that none has given. */
export function workerOfSession(session: string): number | undefined {
  const prefix = /^([1-9][0-9]?)\./.exec(session)?.[1]
  return prefix === undefined ? undefined : Number(prefix)
}

/**
 * Which of so many workers a link is for, by the URL that the agent has dialled: `session` is the one that it comes back to, or, with `link`, the first one of an
 * agent that opens its link with that number: each to a worker of its own, as far as there are any. Undefined where any will do.
 */
export function workerOfLink(url: string, workers: number): number | undefined {
  const query = new URLSearchParams(url.split('?', 2)[1])
  const worker = workerOfSession(query.get('session') ?? '')
  if (worker === undefined || worker > workers) return undefined
  const link = query.get('link') ?? '0'
  if (!/^[0-9]$/.test(link)) return undefined
  return ((worker - 1 + Number(link)) % workers) + 1
}
