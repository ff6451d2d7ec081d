/** Writes the sums of a test run, one `name value` a line, so that test.mjs can add up several runs. */
export default async function* totals(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:diagnostic' || data.nesting !== 0 || data.file !== undefined) continue
    if (/^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(data.message))
      yield `${data.message}\n`
  }
}
