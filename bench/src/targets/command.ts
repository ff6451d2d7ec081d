import type { Address } from '../load/job.js'
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
  agent(places: Places): string[]
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
    missing: () => tool.missing(),
    async start(setting): Promise<Running> {
      const dir = setting.stage.tempDir()
      const places = { ...setting, dir, visitorPort: await freePort(), controlPort: await freePort() }
      await tool.prepare?.(places)
      const server = start(setting, `${tool.name} server`, tool.server(places))
      await untilListening(server, places[listensOn]).catch(stopAndThrow(server))
      const startedAt = performance.now()
      const agent = start(setting, `${tool.name} agent`, tool.agent(places))
      const address: Address = {
        port: places.visitorPort,
        host: tool.host ?? `127.0.0.1:${places.visitorPort}`,
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

function start({ stage }: Setting, name: string, [command = '', ...args]: string[]): Child {
  return stage.start(name, command, args)
}
