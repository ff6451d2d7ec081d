import { bore } from './bore.js'
import { chisel } from './chisel.js'
import { direct } from './direct.js'
import { frp, frpTcp } from './frp.js'
import { localtunnel } from './localtunnel.js'
import { nginx, twoNginx } from './nginx.js'
import { ours, ourTarget } from './ours.js'
import { piko } from './piko.js'
import { rathole } from './rathole.js'
import { ssh } from './ssh.js'
import type { Target } from './target.js'

/** In the order of the table. */
export const targets: Target[] = [
  direct,
  nginx,
  twoNginx,
  ours,
  ssh,
  localtunnel,
  frp,
  frpTcp,
  rathole,
  bore,
  chisel,
  piko,
]

/** Measured only where they are asked for by name. */
export const variants: Target[] = [ourTarget('ours-2w', ['--workers', '2'])]

/** What figures are compared with: the first of these that has the figure. */
export const anchors = ['nginx', 'direct', 'ssh']
