/** Where a request goes, by its Host. */
export type Route =
  | { kind: 'tunnel'; name: string }
  /** The server's own pages and API. */
  | { kind: 'server' }
  /** A host this server has nothing to do with. */
  | { kind: 'foreign' }

const SERVER: Route = { kind: 'server' }
const FOREIGN: Route = { kind: 'foreign' }
const ADDRESS = /^(?:[0-9.]+|\[.*\])$/

/**
 * `<name>.<domain>` is a tunnel, the bare domain is the server. So are addresses and single labels (`localhost`, a container's name):
 * health checks use them. A name of more than one label belongs to nobody.
 */
export function routeHost(host: string | undefined, domain: string): Route {
  if (host === undefined || host === '') return SERVER
  const bare = stripPort(host).toLowerCase()
  const name = bare.endsWith('.') ? bare.slice(0, -1) : bare
  if (name === domain) return SERVER
  const dot = name.length - domain.length - 1
  if (dot > 0 && name.charCodeAt(dot) === 46 && name.endsWith(domain))
    return { kind: 'tunnel', name: name.slice(0, dot) }
  return ADDRESS.test(name) || !name.includes('.') ? SERVER : FOREIGN
}

function stripPort(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon < 0 || host.endsWith(']') ? host : host.slice(0, colon)
}
