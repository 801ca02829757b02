// Package conformance has the tests that every implementation of the
// executor's Store, Registry and Builder passes, the fakes as well as the real
// ones: what is tested with a fake then holds for what it stands for.
//
// It tests behaviour that the interfaces promise, not how an implementation
// fails or recovers; those tests are with the implementation.
//
// Start at Store, Registry and Builder, which an implementation's tests call.
package conformance
