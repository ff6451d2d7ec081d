/** Methods that mean the same done twice as done once (RFC 9110 section 9.2.2), of those that are carried. */
export const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
