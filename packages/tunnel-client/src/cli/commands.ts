import { addOptions, givenFlags, type runProgram } from 'tunnel-command'
import { type OptionsOf, type OptionTable, resolveOptions, TunnelError } from 'tunnel-protocol'
import { loginOptions, logoutOptions, serversOptions, whoamiOptions } from './command-options.js'

type Program = Parameters<Parameters<typeof runProgram>[1]>[0]

/** The commands beside sharing an app. Each is loaded when it is run: sharing starts without them. */
export function addCommands(program: Program): void {
  // `tunnel login --token …` means the flag of login.
  program.enablePositionalOptions()
  add(
    program,
    'login [server]',
    'log in to a tunnel-server: its URL and your token are kept',
    loginOptions,
    async (given, options) => (await import('./login.js')).login(given, options),
  )
  add(program, 'whoami [server]', 'show your account on a server', whoamiOptions, async (given, options) =>
    (await import('./whoami.js')).whoami(given, options),
  )
  add(program, 'logout [server]', 'forget a server and its token', logoutOptions, async (given, options) =>
    (await import('./logout.js')).logout(given, options),
  )
  add(program, 'servers', 'list the servers you have logged in to', serversOptions, async (_, options) =>
    (await import('./servers.js')).listServers(options),
  )
}

function add<T extends OptionTable>(
  program: Program,
  usage: string,
  description: string,
  table: T,
  run: (argument: string | undefined, options: OptionsOf<T>) => Promise<void>,
): void {
  const command = program.command(usage).description(description)
  addOptions(command, table)
  command.action(async () => {
    if (Object.keys(program.opts()).length > 0) {
      throw new TunnelError('TUN_ERR_OPTION', `flags go behind the command: tunnel ${command.name()} --…`)
    }
    await run(command.args[0], resolveOptions(table, givenFlags(command)))
  })
}
