/*
 * The plugin ABI of nextgen-kernels, version 1: what a server and a plugin's library agree on, in C. Most
 * plugins are written against the C++ classes over it, <nextgen_kernels/plugin.h>.
 *
 * RULES
 *
 * Growth. Within a version this file only grows, at the ends of its tables and lists. A table starts with its
 * `size`, as whoever filled it knew it: a function beyond that size is not there. A function pointer marked
 * "may be NULL" stands for doing nothing, or for the stated default. Structs without a `size` never change.
 *
 * Threads. A kernel has one thread, the kernel's thread: an event loop that it shares with others. Every
 * function is called there unless its comment says otherwise, and must return at once; what takes time is
 * done elsewhere and answered later. Listeners have a thread of their own each and may take their time.
 *
 * Ownership. Whoever made an object destroys it, with the `destroy` of its functions. Texts, messages and
 * arrays are borrowed: valid during the call only. An nk_reply is handed over: see there.
 *
 * Errors. No exception may leave a function. What can fail answers through an nk_reply. Messages are
 * sentences for people: what was wrong, where, what to do; never a secret.
 */
#ifndef NEXTGEN_KERNELS_ABI_H
#define NEXTGEN_KERNELS_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NK_ABI_VERSION 1u

/* The one symbol that a plugin exports, of type nk_plugin_entry. */
#define NK_PLUGIN_ENTRY_NAME "nextgen_kernels_plugin"

/* UTF-8, without a terminating NUL; `data` may be NULL when `size` is 0. */
typedef struct nk_string {
  const char* data;
  size_t size;
} nk_string;

/* The kinds of errors. */
enum {
  NK_ERROR_INVALID_ARGUMENT = 1,
  NK_ERROR_NOT_FOUND = 2,
  NK_ERROR_ALREADY_EXISTS = 3,
  NK_ERROR_PERMISSION_DENIED = 4,
  NK_ERROR_UNAVAILABLE = 5,
  NK_ERROR_TIMEOUT = 6,
  NK_ERROR_RESOURCE_LIMIT = 7,
  NK_ERROR_PROTOCOL = 8,
  NK_ERROR_IO = 9,
  NK_ERROR_INTERNAL = 10
};

enum { NK_LOG_DEBUG = 0, NK_LOG_INFO = 1, NK_LOG_WARNING = 2, NK_LOG_ERROR = 3 };

enum { NK_CHANNEL_SHELL = 0, NK_CHANNEL_IOPUB = 1, NK_CHANNEL_STDIN = 2, NK_CHANNEL_CONTROL = 3 };

/*
 * Where a function puts its answer. Whoever gets one calls exactly one of the two functions, exactly once,
 * from any thread; the texts are copied. A function whose comment says "answers at once" calls it before it
 * returns; others may do so later, but not after the object that was asked is destroyed: `destroy` answers
 * what is open. Whoever asked may have stopped to wait: the answer is then dropped.
 */
typedef struct nk_reply {
  void* context;
  void (*succeed)(void* context, nk_string result);
  void (*fail)(void* context, int32_t error, nk_string message);
} nk_reply;

/*
 * A message between a kernel and its clients, in the parts of the Jupyter messaging protocol (JSON texts, and
 * buffers as they are). Borrowed as a whole.
 */
typedef struct nk_message {
  size_t size;
  int32_t channel;
  nk_string header;
  nk_string parent_header;
  nk_string metadata;
  nk_string content;
  const nk_string* buffers;
  size_t buffer_count;
  /* Fields of header and parent_header, read once for all; ignored in messages that a plugin made. */
  nk_string msg_id;
  nk_string msg_type;
  nk_string parent_msg_id;
  nk_string parent_msg_type;
  /* For listeners: its place in the kernel's journal, counted from 1. Else 0. */
  uint64_t number;
  /* The server's own; NULL in messages that a plugin made. */
  const void* origin;
} nk_message;

/* The server's side of one object of a plugin. Valid until the object's `destroy` has returned. */
typedef struct nk_context nk_context;

/*
 * Work that was given away. Called exactly once: with 0 when its time has come, or with 1, from any thread,
 * when that will not happen and `data` is to be freed only.
 */
typedef void (*nk_task)(void* data, int32_t cancelled);

/* What a provisioner does (jupyter_client's KernelProvisionerBase). One object for one kernel, over restarts.
 */
typedef struct nk_provisioner_functions {
  size_t size;
  void (*destroy)(void* self);
  /*
   * Starts the kernel. `request` is a JSON object: kernel_id, kernel_name, resource_dir, kernel_spec (as in
   * kernel.json), environment (complete but for the spec's `env`), working_directory ("": the server's).
   * Result: the connection info, a JSON object, as the client of this provisioner understands it. The server
   * waits as long as the kernel has to answer afterwards, or until somebody shuts the kernel down. Then it
   * asks `kill`, which ends what this launch has made and what it still will, and `cleanup`, and uses the
   * object no more.
   */
  void (*launch_kernel)(void* self, nk_string request, nk_reply reply);
  /* Asked once after each successful launch, and after adopt_kernel. Result, when the kernel has ended:
   * {"exit_code": 0, "signal": 0}. */
  void (*wait)(void* self, nk_reply reply);
  /* The result of these is ignored, and the server waits for them for ten seconds only. */
  void (*send_signal)(void* self, int32_t signal_number, nk_reply reply);
  void (*terminate)(void* self, int32_t for_restart, nk_reply reply);
  void (*kill)(void* self, int32_t for_restart, nk_reply reply);
  /* After the end: frees what the kernel held; a restart may keep it. May be NULL. */
  void (*cleanup)(void* self, int32_t for_restart, nk_reply reply);
  /* These answer at once. May be NULL. */
  void (*describe_end)(void* self, nk_reply reply); /* A sentence about the end. Default: the exit code. */
  void (*output_tail)(void* self, nk_reply reply);  /* What the kernel printed last. Default: nothing. */
  void (*get_provisioner_info)(void* self, nk_reply reply); /* A JSON object, {"pid": 1234}. Default: {}. */
  /* Why a kernel that could not be reached may be another time, because the next launch goes another way
     (other ports): words for the log. Default: nothing, it would go the same way. */
  void (*why_launch_again)(void* self, nk_reply reply);
  int32_t (*owns_kernel)(void* self); /* 0: somebody else's kernel, to be left running. Default: 1. */
  /*
   * What a launch could not tell yet, because the kernel chooses it (its ports). Result: the complete
   * connection info. A later launch or cleanup may come while it is open. May be NULL: what launch_kernel
   * told is complete.
   */
  void (*complete_connection)(void* self, nk_string connection_info, uint64_t timeout_milliseconds,
                              nk_reply reply);
  /*
   * What a provisioner of this class in the next server needs to take the kernel over, should this server end
   * without ending it: a JSON value, kept on disk where only the user reads it. Answers at once; asked again
   * and again while the kernel runs, the last answer counts. null: it cannot be handed over. May be NULL:
   * none can.
   */
  void (*adoption_record)(void* self, nk_reply reply);
  /*
   * Takes over a kernel that an object of a server that is gone launched, in the place of launch_kernel.
   * `request` is a JSON object: kernel_id, record (what adoption_record answered last), connection_info.
   * Result: the connection info. NK_ERROR_NOT_FOUND: the kernel has ended. After the result, or another
   * error, the server asks `wait` and, when it cannot use the kernel, ends it. Never touch a process that
   * only has the number of the one that was recorded. The server waits for ten seconds. May be NULL: none can
   * be handed over.
   */
  void (*adopt_kernel)(void* self, nk_string request, nk_reply reply);
} nk_provisioner_functions;

/* What a kernel client does. One object for one kernel, over restarts. */
typedef struct nk_client_functions {
  size_t size;
  void (*destroy)(void* self);
  /*
   * Opens new connections, after closing those there were. `connection_info` is the provisioner's JSON object
   * and holds secrets. Result, when the kernel answers and what it publishes arrives: the content of its
   * kernel_info_reply, a JSON object.
   */
  void (*connect)(void* self, nk_string connection_info, uint64_t timeout_milliseconds, nk_reply reply);
  /* Closes the connections, and answers a `connect` and control requests that are open with an error. */
  void (*disconnect)(void* self);
  /* Sends a client's message to the kernel. Answers at once; the result is ignored. An error is the answer
     that the client gets, in the place of the kernel's. */
  void (*send)(void* self, const nk_message* message, nk_reply reply);
  /*
   * Sends a request of the server on the control channel: message type, and content as a JSON object. Result:
   * the content of the kernel's reply, which is not delivered to clients.
   */
  void (*control_request)(void* self, nk_string message_type, nk_string content,
                          uint64_t timeout_milliseconds, nk_reply reply);
  /* The same on the shell channel, behind what was sent there before. May be NULL: there are no such kernels
     in the warm pool then. */
  void (*shell_request)(void* self, nk_string message_type, nk_string content, uint64_t timeout_milliseconds,
                        nk_reply reply);
  /* For how long the kernel has said nothing, once it no longer answers; 0 while it does. A change is told
     with nk_host::liveness_changed. May be NULL: it answers. */
  uint64_t (*silent_milliseconds)(void* self);
  /*
   * What the client of the next server must know, so that answers to what was asked through this one reach
   * it: a JSON value, kept on disk where only the user reads it. Answers at once; asked again and again, also
   * before there is a connection, the last answer counts. May be NULL: null, nothing.
   */
  void (*adoption_record)(void* self, nk_reply reply);
  /*
   * `connect` for a kernel that was in use before, by a server that is gone or by somebody else (owns_kernel
   * is 0), and that may be busy for hours. `record` is a JSON value: what adoption_record of the client
   * before answered last, or null. Result: as of `connect` when the kernel takes requests, or null when it
   * shows signs of life only: what waits behind its work is answered later. May be NULL: `connect` is used,
   * and a kernel that is too busy to answer it counts as one that cannot be reached.
   */
  void (*reconnect)(void* self, nk_string connection_info, nk_string record, uint64_t timeout_milliseconds,
                    nk_reply reply);
} nk_client_functions;

/*
 * What a listener does: it sees every message of a kernel in order, replies to anybody included. All its
 * functions, and its creation, are called on the listener's own thread.
 */
typedef struct nk_listener_functions {
  size_t size;
  void (*destroy)(void* self); /* The kernel was shut down, or the server stops. */
  void (*on_message)(void* self, const nk_message* message);
  /* Messages first..last went before this listener came to read them. May be NULL. */
  void (*on_lost)(void* self, uint64_t first, uint64_t last);
} nk_listener_functions;

/* What a plugin's provisioner changes of a built-in one that it extends. Each may be NULL. */
typedef struct nk_base_provisioner_hooks {
  size_t size;
  /*
   * A process is about to be started: {"argv": [], "environment": {}, "working_directory": ""}. Result: the
   * same object, changed or not. Answers at once.
   */
  void (*prepare_process)(void* derived, nk_string process, nk_reply reply);
} nk_base_provisioner_hooks;

/* What a plugin's client changes of a built-in one that it extends. Each may be NULL. */
typedef struct nk_base_client_hooks {
  size_t size;
  /* A message of the kernel has arrived. 1: it is delivered to the kernel's clients; 0: it is not. */
  int32_t (*message_received)(void* derived, const nk_message* message);
} nk_base_client_hooks;

/* The server's side of one library of a plugin. Valid for the life of the process. */
typedef struct nk_library nk_library;

/* What the server offers. A table for each library, valid for the life of the process. */
typedef struct nk_host {
  size_t size;
  uint32_t abi_version;
  nk_string server_version;
  /* Writes a line into the server's log. From any thread. */
  void (*log)(int32_t level, nk_string message);
  /* Calls `run` later on the object's thread: the kernel's, or a listener's own. From any thread. */
  void (*post)(nk_context* context, nk_task run, void* data);
  /* The same after a time. The result names the timer for `cancel_timer`, which may come too late. From any
   * thread. */
  uint64_t (*start_timer)(nk_context* context, uint64_t milliseconds, nk_task run, void* data);
  void (*cancel_timer)(nk_context* context, uint64_t timer);
  /*
   * For clients: gives a message of the kernel to its clients. From any thread; messages from one thread keep
   * their order. Answers at once: a message that breaks the protocol is an error.
   */
  void (*deliver)(nk_context* context, const nk_message* message, nk_reply reply);
  /*
   * Makes an object of a built-in class, of which a plugin's object delegates to what it does not do itself.
   * The caller destroys it, in its own `destroy` at the latest. `hooks` may be NULL. NULL when it fails: then
   * `reply` was told why; it is not used otherwise.
   */
  void* (*create_base_provisioner)(nk_context* context, nk_string reference, void* derived,
                                   const nk_base_provisioner_hooks* hooks,
                                   const nk_provisioner_functions** functions, nk_reply reply);
  void* (*create_base_client)(nk_context* context, nk_string reference, void* derived,
                              const nk_base_client_hooks* hooks, const nk_client_functions** functions,
                              nk_reply reply);
  /* For clients: silent_milliseconds begins or ceases to be 0. From any thread. */
  void (*liveness_changed)(nk_context* context);
  /* The library that was given this table. */
  nk_library* library;
  /*
   * Maps a provisioner class to the client class for its kernels, as the registry's register_from_string
   * does: each is "module:Class" or "module.Class", of whatever package. It counts for kernels that start
   * from then on; a mapping that a program made before for the same kernels is replaced. `options` is "" or a
   * JSON object with what an entry point of a manifest may say: kernel_names, languages, kernel_clients,
   * labels, priority. Answers at once. From any thread, also while the library is loaded: a plugin that
   * registers there says "load_at_start" in its manifest, or it is loaded only when a class of it is needed.
   */
  void (*register_client)(nk_library* library, nk_string provisioner, nk_string client, nk_string options,
                          nk_reply reply);
  /*
   * For clients: answers a client's request in the place of the kernel, which does not get it: status busy,
   * the reply with status error and this exception, status idle. During `send`, which then succeeds, or
   * later, while nothing has answered the request. On the object's thread. Answers at once:
   * NK_ERROR_NOT_FOUND when no request of this msg_id is under way.
   */
  void (*refuse)(nk_context* context, nk_string msg_id, nk_string ename, nk_string evalue, nk_reply reply);
} nk_host;

enum { NK_CLASS_PROVISIONER = 0, NK_CLASS_CLIENT = 1, NK_CLASS_LISTENER = 2 };

/* A class that a plugin brings; its manifest declares it, too. */
typedef struct nk_class {
  size_t size;
  nk_string reference; /* "module:Class" */
  int32_t kind;
  /* An nk_provisioner_functions, nk_client_functions or nk_listener_functions. */
  const void* functions;
  /*
   * Makes an object. `about` is a JSON object: kernel_id, kernel_name, options (complete, of the types that
   * the manifest says), language, kernel_spec (as in kernel.json), username (whose kernel it is; "": nobody's
   * yet, or the server does not know its users). Older servers tell of these the first two only, and
   * provisioners their options. NULL when it fails: then `reply` was told why; it is not used otherwise.
   */
  void* (*create)(nk_context* context, nk_string about, nk_reply reply);
} nk_class;

/* What a plugin is. Valid for the life of the process: a library is never unloaded. */
typedef struct nk_plugin {
  size_t size;
  uint32_t abi_version; /* NK_ABI_VERSION of the header that the plugin was compiled with. */
  nk_string sdk_version;
  const nk_class* const* classes;
  size_t class_count;
  /* Why the library cannot be used, a sentence for people; empty when it can. */
  nk_string refusal;
} nk_plugin;

/*
 * Called once, when the library is loaded, on some thread, before anything of it is used. Must return an
 * nk_plugin whatever the version of the host, which compares them and says so.
 */
typedef const nk_plugin* (*nk_plugin_entry)(const nk_host* host);

#ifdef __cplusplus
}
#endif

#endif
