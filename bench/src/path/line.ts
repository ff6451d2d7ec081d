import type { Stage } from '../process/stage.js'
import type { Namespace } from './namespace.js'
import type { Slowness } from './path.js'

/** The cards at the ends of a line. */
export const NEAR_CARD = 'bench-near'
export const FAR_CARD = 'bench-far'

/** What joins this network and a second one. */
export interface Line {
  /** Takes it away. Resolves to what it has carried, in words. */
  end(): Promise<string>
}

/** A way to have lines. */
export interface LineKind {
  name: string
  /** Resolves to why it can't be had here, or undefined. Only root may ask. */
  missing(): Promise<string | undefined>
  /** Makes both cards; they are down, and have no addresses. */
  lay(stage: Stage, far: Namespace, slowness: Slowness): Promise<Line>
}
