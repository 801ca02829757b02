// Package schedule decides which task runs next and on which builder. It is
// pure: it knows no images, no clock and no I/O, only tasks by their numbers,
// builders by theirs, and the time that its caller tells it.
//
// A run asks it, and so does Simulate, which plays a whole schedule through
// without running anything: there is one scheduler.
//
// Scheduler (schedule.go) counts down what tasks wait for and hands out work;
// queue.go has the order among tasks that are ready, place.go the choice of a
// builder, bound.go what no schedule can beat.
package schedule
