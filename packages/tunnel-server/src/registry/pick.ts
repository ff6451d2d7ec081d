import type { Member } from './tunnel.js'

/** For how long an agent that sent a request back comes after the others, in milliseconds. */
const AVOID_MS = 1_000

/** The member may be sent requests. */
export function isReachable(member: Member): boolean {
  return member.holder.attached
}

/** It sent a request back unserved: prefer others for a moment, or, being idle, it would get every next request. */
export function avoid(member: Member, now: number): void {
  member.avoidedUntil = now + AVOID_MS
}

export function isAvoided(member: Member, now: number): boolean {
  return member.avoidedUntil > now
}

/**
 * Which of several members gets the next request: of those that can be reached the ones about which nothing is known, of these the ones that are
 * here, of these the one with the fewest streams open, and where these are equal the first one from `start` on. Returns its index, -1 for none.
 */
export function pickIndex(members: readonly Member[], start: number, now: number): number {
  let best = -1
  let bestRank = 0
  let bestStreams = 0
  for (let i = 0; i < members.length; i++) {
    const index = (start + i) % members.length
    const member = members[index]!
    if (!isReachable(member)) continue
    const { holder } = member
    const rank = (isAvoided(member, now) ? 4 : 0) + (holder.suspect === true ? 2 : 0) + (holder.remote === true ? 1 : 0)
    const streams = holder.session.streamCount
    if (best >= 0 && (rank > bestRank || (rank === bestRank && streams >= bestStreams))) continue
    best = index
    bestRank = rank
    bestStreams = streams
  }
  return best
}
