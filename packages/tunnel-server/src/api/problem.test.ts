import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Misfit, misfitError } from './problem.js'

const rows: Array<[Partial<Misfit>, field: string, message: string]> = [
  [
    { instancePath: '/limits/tunnels', keyword: 'type', data: 'many', parentSchema: { description: 'a whole number' } },
    'limits.tunnels',
    'limits.tunnels: expected a whole number, found "many"',
  ],
  [
    { instancePath: '/names/3', keyword: 'type', data: { a: 1 }, parentSchema: { description: 'a name' } },
    'names[3]',
    'names[3]: expected a name, found {"a":1}',
  ],
  [
    {
      keyword: 'required',
      params: { missingProperty: 'name' },
      parentSchema: { properties: { name: { description: 'text' } } },
    },
    'name',
    'name: expected text, found nothing',
  ],
  [
    {
      instancePath: '/limits',
      keyword: 'additionalProperties',
      params: { additionalProperty: 'tunels' },
      parentSchema: { properties: { tunnels: {} } },
    },
    'limits.tunels',
    'there is no field "limits.tunels": expected tunnels',
  ],
  [
    { keyword: 'additionalProperties', params: { additionalProperty: 'token' }, parentSchema: { properties: {} } },
    'token',
    'there is no field "token": none is expected here',
  ],
  [
    { keyword: 'type', data: [1], parentSchema: { description: 'an object' } },
    'body',
    'body: expected an object, found [1]',
  ],
]
for (const [given, field, message] of rows) {
  test(message, () => {
    const error = misfitError({ instancePath: '', keyword: '', params: {}, ...given }, 'body')
    assert.deepEqual([error.field, error.detail], [field, message])
  })
}

test('what was found is shown short and printable', () => {
  const error = misfitError(
    { instancePath: '/a', keyword: 'type', params: {}, data: `\u001b[2J${'ü'.repeat(500)}` },
    'body',
  )
  assert.match(error.detail, /^[\x20-\x7e…]{1,200}$/)
})
