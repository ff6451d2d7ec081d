import { Command, CommanderError } from 'commander'
import { describeOption, type GivenFlags, type OptionTable, TunnelError, useReadBuffers } from 'tunnel-protocol'
import { collectYoungGeneration } from './collect-buffers.js'

/** Exit code for a flag or argument that does not exist (EX_USAGE in sysexits.h). */
const EXIT_USAGE = 64

/** Give `command` a flag for each row of `table`. */
export function addOptions(command: Command, table: OptionTable): void {
  for (const option of Object.values(table)) {
    if (option.flag === undefined) continue
    const { flags, help } = describeOption(option)
    if (option.metavar === undefined) command.option(flags, help)
    else command.option(flags, help, (value: string, before: string[] | undefined) => [...(before ?? []), value])
  }
  keyNames.set(command, table)
}

const keyNames = new WeakMap<Command, OptionTable>()

/** What the user gave, keyed like the table. A flag given twice is an error unless it is a list. */
export function givenFlags(command: Command): GivenFlags {
  const table = keyNames.get(command) ?? {}
  const values = command.opts<Record<string, string[] | boolean | undefined>>()
  const given: GivenFlags = {}
  for (const [key, option] of Object.entries(table)) {
    if (option.flag === undefined) continue
    const value = values[option.flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())]
    if (value === undefined) continue
    if (Array.isArray(value) && value.length > 1 && !Array.isArray(option.fallback)) {
      throw new TunnelError('TUN_ERR_OPTION', `--${option.flag} was given ${value.length} times, it takes one value`)
    }
    given[key] = Array.isArray(value) && !Array.isArray(option.fallback) ? value[0] : value
  }
  return given
}

/** Run a command line to its end. Any failure is one line on stderr and an exit code; no stack traces. */
export async function runProgram(argv: string[], define: (program: Command) => void): Promise<void> {
  useReadBuffers(collectYoungGeneration)
  const program = new Command()
  program
    .exitOverride()
    .configureOutput({ outputError: (message, write) => write(message.replace(/^error: /, `${program.name()}: `)) })
  define(program)
  program.showHelpAfterError(`(see ${program.name()} --help)`)
  inheritSettings(program)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    process.exitCode = exitCodeOf(error, program.name())
  }
}

/** Commands below `command` take after it in how errors are shown. */
function inheritSettings(command: Command): void {
  for (const below of command.commands) {
    below.copyInheritedSettings(command)
    inheritSettings(below)
  }
}

function exitCodeOf(error: unknown, name: string): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
  const failure = TunnelError.from(error)
  const detail =
    failure.code === 'TUN_ERR_INTERNAL' ? String((failure.cause as Error)?.stack ?? failure.detail) : failure.detail
  process.stderr.write(`${name}: ${detail}\n`)
  return failure.exitCode
}
