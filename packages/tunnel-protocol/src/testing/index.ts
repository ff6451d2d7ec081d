export { linkPair, MemoryLink } from './link.js'
