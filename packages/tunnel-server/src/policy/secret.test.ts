import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSecret } from './secret.js'

test('a secret is itself and nothing else, whatever is given', () => {
  assert.ok(isSecret('s3cret', 's3cret'))
  for (const given of [undefined, '', 's3cre', 's3cret ', 'S3cret', 'sécret', 's3cre\u0301'])
    assert.ok(!isSecret('s3cret', given))
})
