import { customAlphabet } from 'nanoid'
import { TunnelError } from 'tunnel-protocol'

/** What a person is told; the checks below say the same in code. */
export const NAME_RULE = 'a name has 1 to 63 of a-z, 0-9 and "-", and neither begins nor ends with "-"'

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Names that visitors could take for the server's own, or that DNS and mail give a meaning. */
const reserved = new Set(
  'www api app admin administrator root dashboard status health login account accounts auth oauth sso billing support help abuse security postmaster hostmaster webmaster mail smtp imap pop pop3 mx ns ns1 ns2 dns autoconfig autodiscover ftp ssh vpn cdn static assets tunnel localhost wpad'.split(
    ' ',
  ),
)

/** No letters that look like others, none that DNS would fold. 32^13 = 2^65 names. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'
const RANDOM_LENGTH = 13
const RANDOM = new RegExp(`^[${LETTERS}]{${RANDOM_LENGTH}}$`)
const randomLabel = customAlphabet(LETTERS, RANDOM_LENGTH)

/** A name nobody can guess. */
export function randomName(): string {
  return randomLabel()
}

/** A name that randomName() may have given; some that people think of look like that too. */
export function isRandomName(name: string): boolean {
  return RANDOM.test(name)
}

/** Text that can be a name; reserved ones can too. */
export function isLabel(text: unknown): text is string {
  return typeof text === 'string' && LABEL.test(text)
}

/** The name in lower case. Throws TUN_ERR_NAME_INVALID with the rule that it breaks. */
export function checkName(given: string): string {
  const name = given.toLowerCase()
  if (!LABEL.test(name))
    throw new TunnelError('TUN_ERR_NAME_INVALID', `"${shown(given)}" is not a valid name: ${NAME_RULE}`)
  if (name.slice(2, 4) === '--') {
    throw new TunnelError(
      'TUN_ERR_NAME_INVALID',
      `"${name}" is not a valid name: "--" in third place marks encoded names (xn--…)`,
    )
  }
  if (reserved.has(name)) {
    throw new TunnelError('TUN_ERR_NAME_INVALID', `the name "${name}" is reserved on this server, choose another one`)
  }
  return name
}

function shown(given: string): string {
  const printable = given.replaceAll(/[^\x20-\x7e]/g, '?')
  return printable.length > 80 ? `${printable.slice(0, 80)}…` : printable
}
