/**
 * A self-signed certificate for localhost, valid until 2126, and its key: what a local app that speaks HTTPS typically has.
 * Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost`.
 */
export const selfSigned = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqc8QvrcuG+SJteVU
yTbS0Ggura5oKCW6BTdsaka/TvyhRANCAATh9lEQ8caW/hcBxf3tc6oCn33w1T7P
5lagQwUhZmWu1e8JXA5td2AhUyHqQvcjPUeYvLxf+nExUK4bYA/FVbZE
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUYVqOo0FXiB4oV36DUSpNkAeML9kwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA1MDg0NVoYDzIxMjYxMDI4
MDUwODQ1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATh9lEQ8caW/hcBxf3tc6oCn33w1T7P5lagQwUhZmWu1e8JXA5td2Ah
UyHqQvcjPUeYvLxf+nExUK4bYA/FVbZEo2kwZzAdBgNVHQ4EFgQUVdQzfRI5oNUk
OtGC8ilzLP6cQuwwHwYDVR0jBBgwFoAUVdQzfRI5oNUkOtGC8ilzLP6cQuwwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAImmixN0IkgPW9WJJ+6ptFi8kWe4as4+gCvELu0urxiaAiBMtr9G46yj
N4HKcoQKnPm9eQtG2deJemRm/G5w6Xwxvg==
-----END CERTIFICATE-----`,
}
