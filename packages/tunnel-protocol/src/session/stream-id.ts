/** Is stream id `id` later than `last`? Serial-number arithmetic (RFC 1982), because ids wrap after 2^32. */
export function isLater(id: number, last: number): boolean {
  return ((id - last) | 0) > 0
}

/** The id to open the next stream with. Never 0, and after a wrap never one that a long-lived stream still has. */
export function nextStreamId(last: number, inUse: { has(id: number): boolean }): number {
  let id = last
  do id = (id + 1) >>> 0 || 1
  while (inUse.has(id))
  return id
}
