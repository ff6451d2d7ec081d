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

/**
 * A certificate for app.internal and no other name, its key, and the authority that signed it, all valid from 2020 to 2126: what an app has
 * whose team runs an authority of its own. Made with `openssl ca -selfsign` and
 * `openssl ca -startdate … -enddate …`, with subjectAltName=DNS:app.internal and basicConstraints=CA:FALSE; the authority's key is gone.
 */
export const ownAuthority = {
  ca: `-----BEGIN CERTIFICATE-----
MIIBUzCB+qADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB1Rlc3QgQ0Ew
IBcNMjAwMTAxMDAwMDAwWhgPMjEyNjAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB1Rl
c3QgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARGZY8r5RYpO/L3QbrUCXEo
ypP9SqBB8gmzFAKv+nfSOXMlS1slrCnc0iU+Vwsl5HIUHkEB2C3nsJZrR39NksFW
oz8wPTAPBgNVHRMBAf8EBTADAQH/MAsGA1UdDwQEAwICBDAdBgNVHQ4EFgQUobbA
lKVDfk0IADQLx4L0XiJY+IwwCgYIKoZIzj0EAwIDSAAwRQIgH+J/V8GYqqysjP7n
Z5p4AwQfEiOLznzNnyDzN75bGQYCIQCvGLUJsIoZ2Rstqi11p2Z+MKpjGuT0/qWF
KbVpnF2cxw==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2NZig64NViWPFsA2
AOkcRna59J9fADdOeTJrP7uEBDihRANCAAShgnbA8vHd5k/dAf84HGKd57LGo7D6
hS5y3TzcMk1cVFn+qu0ptoSkOi+tnUC6quOtAi9V6R+ze/hjAhSrkmKD
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIBAjAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0IENB
MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjYwMTAxMDAwMDAwWjAXMRUwEwYDVQQDDAxh
cHAuaW50ZXJuYWwwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAShgnbA8vHd5k/d
Af84HGKd57LGo7D6hS5y3TzcMk1cVFn+qu0ptoSkOi+tnUC6quOtAi9V6R+ze/hj
AhSrkmKDo3sweTAXBgNVHREEEDAOggxhcHAuaW50ZXJuYWwwCQYDVR0TBAIwADAT
BgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4EFgQU2M8qryInmYriumdj/a8YatpC
QW8wHwYDVR0jBBgwFoAUobbAlKVDfk0IADQLx4L0XiJY+IwwCgYIKoZIzj0EAwID
SAAwRQIhAOFEx26qdCJeSsGcKW+AP7i3iMHyvdwGzAwnSjEgBA6xAiAyiiGh2x3O
uOfzEfDHJwCewn///HUjKppS37ECoS7/Sg==
-----END CERTIFICATE-----`,
}
