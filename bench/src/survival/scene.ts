/** Where an attack takes place: a real server with real agents, all on loopback. */
export interface Scene {
  /** Where visitors and agents come in. */
  readonly port: number
  /** Host of the tunnel that is attacked. Its app serves `/1k`, `/download/<bytes>` and `/upload`. */
  readonly victim: string
  /** Open one more tunnel with an agent of its own to an app on `appPort`. Resolves to its Host. */
  tunnel(name: string, appPort: number): Promise<string>
  /** Resolves when what has been built up has stood for long enough. */
  hold(): Promise<void>
}

/** How often what came: statuses, `closed`, `reset`, GO_AWAY codes. */
export type Tally = Record<string, number>

export interface Attack {
  /** For --only. */
  name: string
  /** Follows the count: `connections that send what is no HTTP`. */
  title: string
  /** Of whatever the title counts. */
  count: { full: number; quick: number }
  /** Flags with which the server has to run, so that it takes seconds and not minutes. */
  serverArgs?: string[]
  /** Resolves to what the attackers got, once all their connections are gone. */
  run(scene: Scene, count: number): Promise<Tally>
}
