// Package service is the frame of Posvid's web service: who asks, whether they may, how an answer, a page and an error look,
// and what is never written to a log. The parts (service/auth, service/holder, service/registrar, service/diia,
// service/checkpoints) add their routes to it and do not know each other; cmd/posvid joins them.
//
// Every route states its Access; the zero Access refuses everybody. docs/spec/service.md has the rules.
package service
