import type { Address } from '../load/job.js'
import type { Place } from '../path/path.js'
import type { Child } from '../process/child.js'
import { freePort, untilListening } from '../process/ports.js'
import { untilAnswered } from './first-answer.js'
import type { Running, Setting, Target } from './target.js'

/** A tunnel as its two commands: all that most tools need to be measured. */
export interface CommandTarget {
  name: string
  missing(): Promise<string | undefined>
  /** Runs before the commands; writes configuration or keys into `dir`. */
  prepare?(places: Places): Promise<void>
  server(places: Places): string[]
  agent(places: Places & { dial: Place }): string[]
  /** Where the server lets its agents in, for one that lets nobody choose. */
  controlPort?: number
  unable?: string[]
  /** What visitors send as Host; the address itself unless given. */
  host?: string
}

/** What a command may have to be told. */
export interface Places extends Setting {
  /** Where visitors come in. */
  visitorPort: number
  /** Where the agent connects, for servers that keep this apart. A server with a single port uses `visitorPort`. */
  controlPort: number
  /** Empty, and removed afterwards. */
  dir: string
}

export function commandTarget(tool: CommandTarget, listensOn: 'visitorPort' | 'controlPort' = 'visitorPort'): Target {
  return {
    name: tool.name,
    alone: tool.controlPort !== undefined,
    unable: tool.unable ?? [],
    missing: () => tool.missing(),
    async start(setting): Promise<Running> {
      const dir = setting.stage.tempDir()
      const { stage, path } = setting
      const { nearHost } = path
      const controlPort = tool.controlPort ?? (await freePort())
      const places = { ...setting, dir, visitorPort: await freePort(), controlPort }
      await tool.prepare?.(places)
      const [command = '', ...args] = tool.server(places)
      const server = stage.start(`${tool.name} server`, command, args)
      await untilListening(server, places[listensOn], nearHost).catch(stopAndThrow(server))
      const dial = await path.toNear(places[listensOn])
      const agentCommand = tool.agent({ ...places, dial })
      const startedAt = performance.now()
      const agent = path.startFar(`${tool.name} agent`, agentCommand)
      const address: Address = {
        ip: nearHost,
        port: places.visitorPort,
        host: tool.host ?? `${nearHost}:${places.visitorPort}`,
      }
      await untilAnswered(address, agent).catch(stopAndThrow(agent, server))
      const firstAnswerMs = performance.now() - startedAt
      return {
        address,
        parts: [
          { role: 'server', child: server },
          { role: 'agent', child: agent },
        ],
        firstAnswerMs,
        async stop() {
          await agent.stop()
          await server.stop()
        },
      }
    },
  }
}

/** What did not start must not stay and take time from the others. */
function stopAndThrow(...children: Child[]): (error: unknown) => Promise<never> {
  return async (error) => {
    for (const child of children) await child.stop()
    throw error
  }
}
