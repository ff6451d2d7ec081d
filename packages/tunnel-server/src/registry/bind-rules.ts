import { TunnelError } from 'tunnel-protocol'

/** What is known when an agent asks for a name that is not free. */
export interface BindFacts {
  /** It has brought the claim of the tenure that the name is in. */
  proven: boolean
  /** The name belongs to its account. */
  sameAccount: boolean
  /** An agent has the name and a link, and is another process than the one that asks. */
  heldByOther: boolean
  /** The agent that asks has the name already, on another one of its links. */
  heldBySibling: boolean
  /** The name is served by a pool. */
  pooled: boolean
  wantsPool: boolean
  /** It has the same rules for visitors as those that serve the name, or nobody does. */
  sameRules: boolean
  force: boolean
}

/**
 * `join`: it serves the name with the others. `takeBack`: it goes on in the place of whoever has it, which is itself or is away.
 * `takeOver`: a new tenure begins, and what was proven about the one before is void.
 */
export type BindVerdict = 'join' | 'takeBack' | 'takeOver' | 'refuse'

export function decideBind(facts: BindFacts): BindVerdict {
  const { proven, sameAccount } = facts
  if (facts.sameRules && wantsToShare(facts)) return 'join'
  if (proven && !facts.heldByOther) return 'takeBack'
  return facts.force && sameAccount ? 'takeOver' : 'refuse'
}

/** It is to serve the name with others, who may be its own links. */
function wantsToShare({ proven, sameAccount, pooled, wantsPool, heldBySibling }: BindFacts): boolean {
  return (proven || sameAccount) && pooled === wantsPool && (pooled || heldBySibling)
}

/** Why `name` is refused, and what can be done. Whose it is shows to its own account only. */
export function refusal(name: string, facts: BindFacts): TunnelError {
  if (!facts.sameRules && wantsToShare(facts)) {
    const what = 'the agents that serve it have other rules for visitors'
    return new TunnelError(
      'TUN_ERR_RULES',
      `you can't join "${name}": ${what}; use the same ones, or --force to take it over`,
    )
  }
  return new TunnelError('TUN_ERR_NAME_TAKEN', whyTaken(name, facts))
}

function whyTaken(name: string, facts: BindFacts): string {
  const why = facts.heldByOther ? 'is in use' : 'is kept for an agent that is away for a moment'
  if (!facts.sameAccount) return `the name "${name}" ${why}, choose another one`
  const join = facts.pooled ? ' --pool joins those that serve it,' : ''
  return `the name "${name}" ${why}; it is of your account:${join} --force takes it over`
}
