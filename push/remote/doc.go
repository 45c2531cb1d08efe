// Package remote implements the protocol of the OCI distribution specification for one repository at a time: it logs
// in, asks, reads, uploads and tries again. Package push decides what to upload.
//
//   - A [Client] holds the options. [Client.Connect] makes a [Connection] for one push or read, which greets each registry
//     once. [Connection.Open] finds the credentials of a [Repository].
//   - [Repository.Upload] sends a blob in one part or several, resumes a broken upload, or asks the registry to mount the
//     blob.
//   - Requests with a temporary failure are tried again, for a bounded time: see package patience.
//   - Credentials go to their own host, and to the token server that this host names. They never follow a redirect, and go
//     over plain http only where the user allowed that.
//
// Errors are [*Error]. They say what was being done, to what, what the registry answered and where the credentials came
// from, never the credentials themselves.
package remote
