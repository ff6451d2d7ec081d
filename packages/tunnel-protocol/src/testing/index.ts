export { linkPair, MemoryLink } from './link.js'
export { framesIn, SessionPair } from './session-pair.js'
