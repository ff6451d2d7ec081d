import type { Command } from 'tunnel-command'
import { integer, TunnelError, text } from 'tunnel-protocol'
import type { Account, AccountFields, AuditRecord, Token } from '../accounts/account.js'
import { Accounts } from '../accounts/accounts.js'
import { tokenIdOf } from '../accounts/token-text.js'
import { accountOptions, jsonOption, tokenOptions } from './account-options.js'
import { storeCommand, whoRuns } from './store-command.js'
import { table, timeText } from './table.js'

const reasonOption = {
  reason: text({ flag: 'reason', fallback: '', help: 'told to whoever shows a token of the account' }),
}
const auditOptions = {
  limit: integer({ flag: 'limit', min: 1, max: 1_000_000, fallback: 50, help: 'how many records, the newest' }),
  ...jsonOption,
}

/** `tunnel-server account …`, `token …`, `ban`, `unban` and `audit`. */
export function addAccountCommands(program: Command): void {
  const account = program
    .command('account')
    .description('who may open tunnels; changes count at once, also in a server that runs')
  storeCommand(account, 'add <name>', 'make an account', accountOptions, (database, options, name) => {
    const made = new Accounts(database).add(name!, fieldsOf(options), whoRuns())
    return `account ${made.name} is there; its tokens: tunnel-server token create ${made.name}\n`
  })
  storeCommand(account, 'list', 'show all accounts', jsonOption, (database, { json }) => {
    const accounts = new Accounts(database).list()
    return json ? asJson(accounts) : accountTable(accounts)
  })
  storeCommand(account, 'show <name>', 'show an account and its tokens', jsonOption, (database, { json }, name) => {
    const store = new Accounts(database)
    const shown = store.show(name!)
    const tokens = store.tokens(name!)
    return json ? asJson({ ...shown, tokens }) : `${accountTable([shown])}\n${tokenTable(tokens)}`
  })
  storeCommand(
    account,
    'set <name>',
    'change an account: what is not given stays',
    accountOptions,
    (database, options, name) => {
      const fields = fieldsOf(options)
      if (Object.keys(fields).length === 0) {
        throw new TunnelError('TUN_ERR_OPTION', 'nothing to change: give --names, --tunnels or --role')
      }
      return accountTable([new Accounts(database).set(name!, fields, whoRuns())])
    },
  )
  storeCommand(
    account,
    'remove <name>',
    'remove an account and its tokens; its agents have to go',
    {},
    (database, _, name) => {
      new Accounts(database).remove(name!, whoRuns())
      return `account ${name} is gone, with its tokens\n`
    },
  )

  const token = program.command('token').description('what opens the door for an account')
  storeCommand(
    token,
    'create <account>',
    'make a token, and print it this once',
    tokenOptions,
    (database, options, name) => {
      const { label, expiresInMs } = options
      const fields = {
        ...(label === undefined ? {} : { label }),
        ...(expiresInMs === undefined ? {} : { expiresInMs }),
      }
      const made = new Accounts(database).createToken(name!, fields, whoRuns())
      process.stderr.write(`token ${made.token.id} of ${made.token.account}; it is not shown again:\n`)
      return `${made.text}\n`
    },
  )
  storeCommand(
    token,
    'list [account]',
    'show tokens, as far as they are no secret',
    jsonOption,
    (database, { json }, name) => {
      const tokens = new Accounts(database).tokens(name)
      return json ? asJson(tokens) : tokenTable(tokens)
    },
  )
  storeCommand(
    token,
    'revoke <id>',
    'end a token; agents that came in with it have to go',
    {},
    (database, _, given) => {
      const revoked = new Accounts(database).revoke(tokenIdOf(given!) ?? given!, whoRuns())
      return `token ${revoked.id} of ${revoked.account} opens nothing any more\n`
    },
  )

  storeCommand(
    program,
    'ban <account>',
    'keep an account out, with all its tokens; its agents have to go',
    reasonOption,
    (database, { reason }, name) => {
      return accountTable([new Accounts(database).ban(name!, reason, whoRuns())])
    },
  )
  storeCommand(program, 'unban <account>', 'let an account in again', {}, (database, _, name) => {
    return accountTable([new Accounts(database).unban(name!, whoRuns())])
  })
  storeCommand(
    program,
    'audit',
    'show who did what with accounts and tokens, newest first',
    auditOptions,
    (database, { limit, json }) => {
      const records = new Accounts(database).history(limit)
      return json ? asJson(records) : auditTable(records)
    },
  )
}

function fieldsOf({
  names,
  tunnels,
  role,
}: {
  names?: string[] | undefined
  tunnels?: number | null | undefined
  role?: Account['role'] | undefined
}): AccountFields {
  return {
    ...(role === undefined ? {} : { role }),
    ...(names === undefined ? {} : { names }),
    ...(tunnels === undefined ? {} : { limits: { tunnels } }),
  }
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

function accountTable(accounts: Account[]): string {
  const rows = accounts.map(({ name, role, names, limits, tokens, createdAt, ban }) => [
    name,
    role,
    names.join(',') || '-',
    String(limits.tunnels ?? 'default'),
    String(tokens),
    timeText(createdAt),
    ban === null ? '' : `banned ${timeText(ban.at)} ${ban.reason}`,
  ])
  return table([['ACCOUNT', 'ROLE', 'NAMES', 'TUNNELS', 'TOKENS', 'MADE', ''], ...rows])
}

function tokenTable(tokens: Token[]): string {
  const rows = tokens.map(({ id, account, label, createdAt, expiresAt }) => [
    id,
    account,
    timeText(createdAt),
    expiresAt === null ? 'never' : timeText(expiresAt),
    label,
  ])
  return table([['TOKEN', 'ACCOUNT', 'MADE', 'EXPIRES', 'LABEL'], ...rows])
}

function auditTable(records: AuditRecord[]): string {
  const rows = records.map(({ at, actor, via, address, action, subject, details }) => [
    timeText(at),
    action,
    subject,
    `${actor} (${via}${address === null ? '' : ` from ${address}`})`,
    JSON.stringify(details),
  ])
  return table([['WHEN', 'WHAT', 'ACCOUNT', 'WHO', 'DETAILS'], ...rows])
}
