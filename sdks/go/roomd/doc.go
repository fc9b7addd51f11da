// Package roomd talks to a roomd server: rooms in which people, AI agents and programs talk
// through channels, and hooks that look at every message before anybody sees it.
//
// A [Client] makes calls. Every RPC of the protocol is on one of its services ([Client.Rooms],
// [Client.Events] …), with typed errors ([Error]), a credential, a deadline and repetition while
// the server is not there; a [Room] has short forms of what is done every day. A [Worker] serves
// hooks, channels, routers and tools of the application. A [Connection] is a live client of a
// channel.
//
// The nouns are the generated messages of package roomdv1: nothing that a newer server sends is
// lost on the way through this package.
package roomd

// Version of this SDK, told to the server.
const Version = "0.1.0"
