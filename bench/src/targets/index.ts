import { direct } from './direct.js'
import { localtunnel } from './localtunnel.js'
import { nginx } from './nginx.js'
import { ours } from './ours.js'
import { ssh } from './ssh.js'
import type { Target } from './target.js'

/**
 * In the order of the table. Another tool (frp, rathole, bore, chisel, piko) is a `commandTarget` in a file of its own that
 * takes the path of its binary from an environment variable and says in `missing` when that is not set.
 */
export const targets: Target[] = [direct, nginx, ours, ssh, localtunnel]

/** What figures are compared with: the first of these that has the figure. */
export const anchors = ['nginx', 'direct', 'ssh']
