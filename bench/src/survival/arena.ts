import type { Address } from '../load/job.js'
import { startOrigin } from '../origin/start.js'
import type { Child } from '../process/child.js'
import { freePort, untilListening, untilTrue } from '../process/ports.js'
import type { Stage } from '../process/stage.js'
import { answers, untilAnswered } from '../targets/first-answer.js'
import { agentCommand, serverCommand } from '../targets/ours.js'

/** A server with two tunnels, one to be attacked and one to look on, each with an agent and an app of its own. */
export class Arena {
  readonly server: Child
  readonly port: number
  readonly victim: Address
  readonly bystander: Address
  readonly #stage: Stage
  readonly #children: Child[]

  private constructor(stage: Stage, server: Child, port: number) {
    this.#stage = stage
    this.server = server
    this.port = port
    this.#children = [server]
    this.victim = { port, host: 'victim.localhost' }
    this.bystander = { port, host: 'bystander.localhost' }
  }

  static async open(stage: Stage, serverArgs: string[]): Promise<Arena> {
    const port = await freePort()
    const server = stage.start('server', process.execPath, [...serverCommand(port), ...serverArgs])
    const arena = new Arena(stage, server, port)
    await untilListening(server, port)
    await untilAnswered(arena.victim, await arena.agent('victim', await startOrigin(stage)))
    await untilAnswered(arena.bystander, await arena.agent('bystander', await startOrigin(stage)))
    return arena
  }

  /** Open a tunnel to the app on `appPort`. Resolves once it is there. */
  async agent(name: string, appPort: number): Promise<Child> {
    const agent = this.#stage.start(name, process.execPath, agentCommand(this.port, name, appPort))
    this.#children.push(agent)
    await untilTrue(agent, 'open its tunnel', async () => agent.stdout.includes('http'))
    return agent
  }

  /** Whether a visitor of the attacked tunnel gets its app's answer. */
  servesVictim(): Promise<boolean> {
    return answers(this.victim)
  }

  async close(): Promise<void> {
    for (const child of this.#children.reverse()) await child.stop()
  }
}
