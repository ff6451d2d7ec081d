/** Slots to begin with: an idle session has hardly more than this. A power of two, like all sizes. */
const FIRST_SIZE = 16
const MAX_SIZE = 1024

/**
 * The streams of a session by id. Ids count up, so those in use are mostly neighbours: each has the slot that its last bits name. Whoever is still there when
 * another one needs the slot, as it lives long, moves to a map.
 *
 * Not a Map alone: where entries come and go V8's makes a new table now and then, and the old one refers to it. Once such a table has come into the old
 * generation, dead or not, it keeps all that come after it from dying young, and with each the streams it held.
 */
export class StreamTable<T extends { readonly id: number }> {
  #slots: Array<T | undefined> = new Array(FIRST_SIZE).fill(undefined)
  readonly #displaced = new Map<number, T>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): T | undefined {
    const stream = this.#slots[id & (this.#slots.length - 1)]
    return stream?.id === id ? stream : this.#displaced.size > 0 ? this.#displaced.get(id) : undefined
  }

  has(id: number): boolean {
    return this.get(id) !== undefined
  }

  /** Add a stream with an id that is not in use. */
  add(stream: T): void {
    this.#size++
    if (this.#size * 2 > this.#slots.length && this.#slots.length < MAX_SIZE) this.#grow()
    this.#place(stream)
  }

  delete(id: number): void {
    const slot = id & (this.#slots.length - 1)
    if (this.#slots[slot]?.id === id) this.#slots[slot] = undefined
    else if (!this.#displaced.delete(id)) return
    this.#size--
  }

  /** All there are right now, in no order. */
  all(): T[] {
    const streams = [...this.#displaced.values()]
    for (const stream of this.#slots) if (stream !== undefined) streams.push(stream)
    return streams
  }

  #place(stream: T): void {
    const slot = stream.id & (this.#slots.length - 1)
    const former = this.#slots[slot]
    if (former !== undefined) this.#displaced.set(former.id, former)
    this.#slots[slot] = stream
  }

  #grow(): void {
    const former = this.#slots
    this.#slots = new Array(former.length * 2).fill(undefined)
    for (const stream of former) if (stream !== undefined) this.#place(stream)
  }
}
