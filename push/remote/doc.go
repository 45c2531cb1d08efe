// Package remote speaks the protocol of the OCI distribution specification with one repository at a time: it logs in, asks,
// reads, uploads and tries again. What a push consists of is not its matter: see package push.
//
//   - A [Client] holds the options. [Client.Connect] readies a [Connection] for one call, which greets each registry once;
//     [Connection.Open] finds the credentials of a [Repository].
//   - [Repository.Upload] sends a blob in one piece or several, resumes it where it broke off, or has the registry mount it.
//   - Requests that fail for a while are tried again, and none waits for ever: see package patience.
//   - Credentials go to the host that they belong to, and to the token server that this host names, never along a redirect,
//     and over plain http only where that was asked for.
//
// Errors are [*Error]. They say what was being done, to what, what was answered and which credentials were used, never the
// credentials themselves.
package remote
