import type { Target } from './target.js'

/** The app alone: what nothing in front of it can exceed. */
export const direct: Target = {
  name: 'direct',
  missing: async () => undefined,
  async start({ originPort, path }) {
    const { host: ip, port } = await path.toFar(originPort)
    return {
      address: { ip, port, host: `${ip}:${port}` },
      parts: [],
      firstAnswerMs: undefined,
      stop: async () => {},
    }
  },
}
