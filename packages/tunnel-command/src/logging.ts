import type { Logger } from 'tunnel-protocol'

export type LogFormat = 'auto' | 'pretty' | 'json'

/** A logger whose level can be changed while it is used. */
export interface CommandLogger extends Logger {
  level: string
}

/**
 * A pino logger on `to`: for people on a terminal, JSON otherwise. `fields` are in each line. Loaded only when asked for: it is half of a short
 * command's start.
 */
export async function createLogger(
  level: string,
  format: LogFormat,
  to: { fd: number; isTTY?: boolean },
  fields: Record<string, unknown> | null = null,
): Promise<CommandLogger> {
  const { pino } = await import('pino')
  const settings = { level, base: fields }
  const pretty = format === 'pretty' || (format === 'auto' && to.isTTY === true)
  if (!pretty) {
    const logger: CommandLogger = pino(
      { ...settings, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ fd: to.fd, sync: true }),
    )
    return logger
  }
  const { default: prettyStream } = await import('pino-pretty')
  const destination = prettyStream({
    destination: to.fd,
    sync: true,
    colorize: to.isTTY === true && process.env.NO_COLOR === undefined,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    singleLine: true,
  })
  const logger: CommandLogger = pino(settings, destination)
  return logger
}
