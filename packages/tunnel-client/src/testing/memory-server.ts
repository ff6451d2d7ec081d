import {
  FRAME_HEADER_BYTES,
  type Link,
  parseControl,
  parseToServer,
  type Resume,
  readGreeting,
  Session,
  sendGoAway,
  sendGreeting,
  TunnelError,
} from 'tunnel-protocol'
import { linkPair, type MemoryLink } from 'tunnel-protocol/testing'

/** An agent's attempt to open a link; the test decides what comes of it. */
export interface Dial {
  /** The server's end of the link that opens. `localAddress`: of the agent's end. */
  accept(localAddress?: string): MemoryLink
  fail(error: TunnelError): void
  /** Of the URL. */
  query: string
  givenUp: boolean
}

/** One session as a server sees it. */
export interface Served {
  session: Session
  link: MemoryLink
  controls: Array<Record<string, unknown>>
  closed: TunnelError | undefined
}

/** A server for an agent in the same process, over links in memory. It welcomes whoever says hello, and gives the name that is asked for. */
export class MemoryServer {
  readonly dials: Dial[] = []
  readonly served: Served[] = []
  /** How long sessions wait for another link, in milliseconds. */
  graceMs = 60_000
  /** How many links it asks for. */
  links: number | undefined
  /** With what it ends each session that begins. */
  refusal: TunnelError | undefined
  /** Says drain in front of everything else. */
  drainsAtOnce = false
  /** Says no to whoever wants to resume. */
  forgetful = false

  /** For AgentOptions. */
  readonly openLink = (
    _url: string,
    query: string,
    onOpen: (link: Link) => void,
    onError: (error: TunnelError) => void,
  ): (() => void) => {
    const dial: Dial = {
      query,
      givenUp: false,
      accept: (localAddress) => {
        const [agentLink, link] = linkPair()
        for (const end of [agentLink, link]) deliverSoon(end)
        agentLink.localAddress = localAddress
        this.#greet(link)
        onOpen(agentLink)
        return link
      },
      fail: onError,
    }
    this.dials.push(dial)
    return () => {
      dial.givenUp = true
    }
  }

  get lastDial(): Dial {
    return this.dials.at(-1)!
  }

  get last(): Served {
    return this.served.at(-1)!
  }

  #greet(link: MemoryLink): void {
    readGreeting(
      link,
      (_, payload, bytes) => {
        const message = parseToServer(parseControl(payload))
        if (message?.type === 'resume') this.#resume(link, message, bytes.subarray(FRAME_HEADER_BYTES + payload.length))
        else this.#begin(link, bytes)
      },
      () => {},
    )
  }

  #begin(link: MemoryLink, bytes: Buffer): void {
    const served: Served = {
      link,
      controls: [],
      closed: undefined,
      session: new Session({
        role: 'server',
        handler: {
          onDetached() {},
          onControl: (fields) => {
            served.controls.push(fields)
            if (fields.type === 'hello') this.#welcome(served, fields)
          },
          onClose: (error) => {
            served.closed = error
          },
        },
      }),
    }
    this.served.push(served)
    served.session.attach(link)
    served.session.onBytes(bytes)
  }

  #welcome({ session }: Served, hello: Record<string, unknown>): void {
    if (this.refusal !== undefined) throw this.refusal
    if (this.drainsAtOnce) session.sendControl({ type: 'drain' })
    const [{ tunnel, name = 'random' }] = hello.binds as [{ tunnel: number; name?: string }]
    const id = String(this.served.length)
    session.sendControl({
      type: 'welcome',
      session: id,
      secret: id,
      grace: this.graceMs,
      links: this.links,
      window: 65_536,
    })
    session.sendControl({ type: 'bound', tunnel, name, url: `http://${name}.test`, claim: `claim ${id}` })
  }

  #resume(link: MemoryLink, { session: id, received }: Resume, bytes: Buffer): void {
    const served = this.served[Number(id) - 1]
    if (served === undefined || served.session.closed || this.forgetful) {
      sendGoAway(link, new TunnelError('TUN_ERR_SESSION_CLOSED', 'the session is over'))
      return
    }
    served.session.dropLink('a newer one')
    sendGreeting(link, { type: 'resumed', received: served.session.receivedBytes })
    served.session.attach(link, received)
    served.link = link
    served.session.onBytes(bytes)
  }
}

/** What is sent arrives in another turn of the event loop, as on a wire. */
function deliverSoon(end: MemoryLink): void {
  const send = end.send.bind(end)
  end.send = (parts) => {
    send(parts)
    setImmediate(() => end.deliver())
  }
}
