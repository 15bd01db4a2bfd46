// How the tests of this folder run under the thread sanitizer. Arrow is not instrumented, and here
// its threads read, call and destroy what the tests' threads made, with nothing but Arrow in
// between.

#ifdef LONGBOW_THREAD_SANITIZER
#define LONGBOW_VISIBLE __attribute__((visibility("default")))

// The sanitizer sees how a wait in Arrow takes its lock again, but not how Arrow gives it back,
// until it knows of more locks than its search for deadlocks can hold.
extern "C" LONGBOW_VISIBLE const char* __tsan_default_options() { return "detect_deadlocks=0"; }

extern "C" LONGBOW_VISIBLE const char* __tsan_default_suppressions() {
  return "race:libarrow.so\n"
         "race:libarrow_acero.so\n"
         "race:libarrow_dataset.so\n"
         "race:libparquet.so\n"
         "race:arrow::internal::FnOnce\n"
         "race:arrow::internal::tracing::WrapAsyncGenerator\n"
         "race:arrow::ConcreteFutureImpl\n"
         "race:arrow::MakeMappedGenerator\n"
         "race:arrow::WeakFuture\n";
}
#endif
