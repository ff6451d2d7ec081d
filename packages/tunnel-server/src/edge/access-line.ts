import type { Provenance, RequestHead } from 'tunnel-protocol'

/** What every line of the access log says of a request: no query, and no field, since these may hold secrets. */
export function accessFields({ host, method, target }: RequestHead, { visitor }: Provenance, status: number): object {
  return { visitor, host, method, target: target.replace(/\?.*$/, ''), status }
}
