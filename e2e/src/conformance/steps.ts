import assert from 'node:assert/strict'
import { OK, request } from './messages.js'
import type { Play, Step, Who } from './play.js'

function step(what: string, run: (play: Play) => void | Promise<void>): Step {
  return { what, run }
}

function short(text: string | undefined): string {
  return text === undefined ? 'what was sent' : JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

function actor(who: Who) {
  return {
    sends: (text: string): Step =>
      step(`${who} sends ${short(text)}`, (play) => {
        play.flowFrom(who).pending += text
        play.wire(who).send(text)
      }),

    /** In segments of one byte each. */
    dribbles: (text: string): Step =>
      step(`${who} dribbles ${short(text)}`, (play) => {
        play.flowFrom(who).pending += text
        return play.wire(who).sendByteByByte(text)
      }),

    /** Receives what the other side has sent; without `text` all of it, else the part that begins with what was not seen yet. */
    sees: (text?: string): Step => step(`${who} sees ${short(text)}`, (play) => play.sees(who, text)),

    /** Receives this, whatever was sent. */
    seesExactly: (text: string | ((play: Play) => string)): Step =>
      step(`${who} sees exactly ${typeof text === 'string' ? short(text) : 'what the edge makes of it'}`, (play) => {
        play.flowTo(who).pending = ''
        return play.seesExactly(who, typeof text === 'string' ? text : text(play))
      }),

    /** FIN. */
    ends: (): Step => step(`${who} ends`, (play) => void play.wire(who).socket.end()),

    /** RST. */
    resets: (): Step => step(`${who} resets`, (play) => void play.wire(who).socket.resetAndDestroy()),

    seesEnd: (): Step => over(who, 'ended'),
    seesReset: (): Step => over(who, 'broken'),
    /** The other side is gone, however it went. */
    seesOver: (): Step => over(who, undefined),
  }
}

function over(who: Who, how: 'ended' | 'broken' | undefined): Step {
  return step(`${who} sees the connection ${how ?? 'over'}`, async (play) => {
    const wire = play.wire(who)
    await play.watch.until(
      () => wire.ending !== 'open',
      () => `the connection of the ${who} is over`,
    )
    if (how !== undefined) assert.equal(wire.ending, how)
  })
}

export const app = {
  ...actor('app'),
  /** This request, with the lines that the edge adds; `upgrade` are those that stand behind them. */
  seesForwarded: (text: string, upgrade = ''): Step =>
    actor('app').seesExactly((play) => {
      const end = text.indexOf('\r\n\r\n') + 2
      return `${text.slice(0, end)}${play.forwarding}${upgrade}${text.slice(end)}`
    }),

  /** So many connections have been made to the app so far. */
  hasConnections: (count: number): Step =>
    step(`the app has ${count} connections`, (play) => assert.equal(play.connectionsToApp, count)),
}

export const visitor = {
  ...actor('visitor'),

  /** Leaves, if it has not, and comes again with a new connection. */
  comesAgain: (): Step => step('the visitor comes again', (play) => play.connect()),

  /** Gets the tunnel's own answer, whole; it has no body where HEAD was asked. */
  isRefused: (status: number, code: string, method = 'GET'): Step =>
    step(`the visitor gets ${status} ${code}`, (play) =>
      play.seesSomething('visitor', `an answer ${status}`, (text) => {
        const end = text.indexOf('\r\n\r\n') + 4
        if (end < 4) return undefined
        const head = text.slice(0, end)
        assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} [^\r]+\r\n`))
        assert.match(head, new RegExp(`\r\nX-Tunnel-Error: ${code}\r\n`))
        const body = method === 'HEAD' ? 0 : Number(/\r\nContent-Length: ([0-9]+)\r\n/.exec(head)![1])
        return text.length < end + body ? undefined : end + body
      }),
    ),
}

/** One request and its answer. */
export function exchange(sent = request('GET /'), answered = OK): Step[] {
  return [visitor.sends(sent), app.sees(), app.sends(answered), visitor.sees()]
}

/** The connection goes on: whatever came before was taken for one message by everybody. */
export const next: Step[] = exchange(request('GET /next'))

/** The same where all bytes are compared, as it is through the tunnel. */
export function forwarded(sent = request('GET /forwarded')): Step[] {
  return [visitor.sends(sent), app.seesForwarded(sent), app.sends(OK), visitor.seesExactly(OK)]
}
