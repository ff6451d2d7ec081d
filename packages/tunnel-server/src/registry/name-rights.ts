/** What an account may have: the answers come from whoever knows the accounts. */
export interface NameRights {
  /** As many names as the account may hold; undefined: as many as any. */
  maxTunnels(account: string): number | undefined
  /** May the account have the name? `isMadeUp`: the server made it up for somebody who has the proof of that. Throws TUN_ERR_FORBIDDEN. */
  checkName(name: string, account: string, isMadeUp: boolean): void
  /** The name is kept for somebody: it is not made up for others. */
  isReserved(name: string): boolean
  /** A name is given that its account has no proof of. Throws TUN_ERR_ACCOUNT_LIMIT. */
  beginName(account: string): void
}

/** Every account may have any name. */
export const anyName: NameRights = {
  maxTunnels: () => undefined,
  checkName: () => {},
  isReserved: () => false,
  beginName: () => {},
}
