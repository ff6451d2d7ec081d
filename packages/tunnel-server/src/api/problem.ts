import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type Logger, TunnelError } from 'tunnel-protocol'
import { FieldError, shown } from '../accounts/field-error.js'

/** What ajv says of a value that does not fit its schema; `verbose` adds the schemas and the value. */
export interface Misfit {
  instancePath: string
  keyword: string
  params: Record<string, unknown>
  message?: string
  data?: unknown
  parentSchema?: { description?: string; properties?: Record<string, { description?: string }> }
}

/** Answers a request that failed: `{"error": {"code", "message", "field"?}}`. A bug of ours is logged, and never shown. */
export function problemHandler(logger: Logger) {
  return (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void => {
    const problem = problemOf(error)
    if (problem.code === 'TUN_ERR_INTERNAL') logger.error({ err: error }, 'a request to the API failed')
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
    const field = problem instanceof FieldError ? { field: problem.field } : {}
    reply.code(problem.status).send({ error: { code: problem.code, message: problem.detail, ...field } })
  }
}

function problemOf(error: FastifyError): TunnelError {
  const [misfit] = (error.validation ?? []) as Misfit[]
  if (misfit !== undefined) return misfitError(misfit, error.validationContext ?? 'body')
  if (error.statusCode === 413) return new TunnelError('TUN_ERR_BODY_TOO_LARGE', 'the body is too large')
  if (error.statusCode === 415) {
    return new TunnelError('TUN_ERR_BAD_REQUEST', 'expected a body of the type application/json')
  }
  if (error.statusCode === 400) return new TunnelError('TUN_ERR_BAD_REQUEST', 'the body is not JSON')
  return TunnelError.from(error)
}

/** Says which field it is, what was expected there and what was found. `whole`: what has no field. */
export function misfitError(misfit: Misfit, whole: string): FieldError {
  const { instancePath, keyword, params, data, parentSchema: schema } = misfit
  const at = fieldOf(instancePath)
  const inside = (name: unknown) => (at === '' ? String(name) : `${at}.${name}`)
  if (keyword === 'additionalProperties') {
    const field = inside(params.additionalProperty)
    const known = Object.keys(schema?.properties ?? {})
    const expected = known.length === 0 ? 'none is expected here' : `expected ${known.join(', ')}`
    return new FieldError(field, `there is no field ${shown(field)}: ${expected}`)
  }
  if (keyword === 'required') {
    const name = String(params.missingProperty)
    return FieldError.expected(inside(name), schema?.properties?.[name]?.description ?? 'a value', undefined)
  }
  return FieldError.expected(at || whole, schema?.description ?? misfit.message ?? 'something else', data)
}

/** `/names/0` is `names[0]`. */
function fieldOf(instancePath: string): string {
  return instancePath
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.')
    .replace(/^\./, '')
}
