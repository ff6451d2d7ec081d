import { TunnelError } from 'tunnel-protocol'

/** A value that an account or a token can't have. */
export class FieldError extends TunnelError {
  readonly field: string

  constructor(field: string, detail: string) {
    super('TUN_ERR_FIELD', detail)
    this.field = field
  }

  /** `found` must be no secret. */
  static expected(field: string, expected: string, found: unknown): FieldError {
    return new FieldError(field, `${field}: expected ${expected}, found ${shown(found)}`)
  }
}

const MAX_SHOWN = 80

/** A value as JSON, short and printable. */
export function shown(value: unknown): string {
  const text = (JSON.stringify(value) ?? 'nothing').replaceAll(/[^\x20-\x7e]/g, '?')
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
