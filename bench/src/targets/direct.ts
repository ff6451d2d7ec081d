import type { Target } from './target.js'

/** The app alone: what nothing in front of it can exceed. */
export const direct: Target = {
  name: 'direct',
  missing: async () => undefined,
  start: async ({ originPort }) => ({
    address: { port: originPort, host: `127.0.0.1:${originPort}` },
    parts: [],
    firstAnswerMs: undefined,
    stop: async () => {},
  }),
}
