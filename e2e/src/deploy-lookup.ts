// Preloaded into an agent (node --import): every name under .test is this machine, as the operator's DNS records would say.
// Names under .localhost would need no such help in a browser, but getaddrinfo knows them on some systems only.
import dns from 'node:dns'

const { lookup } = dns
const patched = (name: string, ...rest: unknown[]) =>
  (lookup as (...args: unknown[]) => void)(name.endsWith('.test') ? '127.0.0.1' : name, ...rest)
dns.lookup = patched as typeof lookup
