import { createRequire } from 'node:module'

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

/** Software and version, as agents and visitors of the API are told. */
export const SOFTWARE = `tunnel-server/${version}`
