#include "plugins/plugin_listener.h"

#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "plugins/abi_message.h"
#include "plugins/plugin_object.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t batch_messages = 64;
constexpr std::size_t batch_bytes = 1024 * 1024;

}  // namespace

/// The part that lives on the listener's thread, which is its event loop.
class PluginListener::Worker : public std::enable_shared_from_this<Worker> {
 public:
  using Object = PluginObject<nk_listener_functions>;

  Worker(Executor kernel, ListenerDescription description)
      : kernel_(std::move(kernel)), description_(std::move(description)) {}

  /// Starts the thread, which makes the object and calls `on_ready` on the kernel's executor with whether
  /// there is one, and `on_end` at its end.
  void start(std::function<void(bool)> on_ready, std::function<void()> on_end) {
    std::thread([self = shared_from_this(), ready = std::move(on_ready), end = std::move(on_end)] {
      self->run(ready, end);
    }).detach();
  }

  /// On the kernel's executor: gives the object a batch; `on_done` is called there after it.
  void give(Cursor::Batch batch, std::function<void()> on_done) {
    asio::post(loop_, [this, given = std::move(batch), done = std::move(on_done)]() mutable {
      show(given);
      tell_kernel(std::move(done));
    });
  }

  /// On the kernel's executor: nothing more will be given.
  void end() {
    asio::post(loop_, [this] { work_.reset(); });
  }

  /// On the kernel's executor, which may not be used any more after it.
  void abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }

 private:
  void run(const std::function<void(bool)>& on_ready, const std::function<void()>& on_end) {
    make_object();
    tell_kernel([on_ready, made = object_.has_value()] { on_ready(made); });
    loop_.run();
    object_.reset();
    tell_kernel(on_end);
  }

  void make_object() {
    const auto loaded = description_.load_class();
    Result<void> made;
    if (loaded) {
      auto context = std::make_unique<PluginContext>(loop_.get_executor(), makers_, nullptr);
      auto object = Object::make(**loaded, std::move(context), description_.about);
      if (object)
        object_.emplace(*std::move(object));
      else
        made = std::unexpected(object.error());
    } else {
      made = std::unexpected(loaded.error());
    }
    description_.report(made ? std::string() : made.error().message);
  }

  void show(const Cursor::Batch& batch) const {
    const auto& [entries, lost] = batch;
    if (lost && (*object_)->on_lost != nullptr) (*object_)->on_lost(object_->self(), lost->first, lost->last);
    for (const auto& entry : entries)
      (*object_)->on_message(object_->self(), AbiMessage(entry.message, entry.number).get());
  }

  void tell_kernel(std::function<void()> function) {
    const std::lock_guard lock(mutex_);
    if (!abandoned_) asio::post(kernel_, std::move(function));
  }

  Executor kernel_;
  ListenerDescription description_;
  BaseClassMakers makers_;  // None: listeners extend nothing.
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  std::optional<Object> object_;
  std::mutex mutex_;
  bool abandoned_ = false;
};

/// The part that lives on the kernel's executor: reads the journal when the worker has time.
class PluginListener::Reader final : public JournalListener, public std::enable_shared_from_this<Reader> {
 public:
  Reader(const Executor& executor, std::shared_ptr<Conversation> conversation, Worker& worker,
         const ListenerDescription& description)
      : conversation_(std::move(conversation)),
        worker_(worker),
        name_(description.class_reference),
        patience_(description.patience),
        timer_(executor) {
    cursor_.emplace(conversation_->journal(), *this, CursorOptions{.audience = Audience::observer});
  }

  void on_journal_activity() override {
    if (idle_) return read_on();
    if (conversation_->journal().closed()) watch();
  }

  /// The worker has nothing to do.
  void read_on() {
    if (!cursor_) return;
    auto batch = cursor_->read(batch_messages, batch_bytes);
    idle_ = batch.entries.empty() && !batch.lost;
    if (!idle_) {
      worker_.give(std::move(batch), [self = weak_from_this()] {
        if (const auto reader = self.lock()) reader->read_on();
      });
      if (conversation_->journal().closed()) watch();
    } else if (conversation_->journal().closed() && cursor_->at_end()) {
      stop();
    }
  }

  void stop() {
    timer_.cancel();
    cursor_.reset();
    worker_.end();
  }

 private:
  /// The kernel is gone: what is left of its journal is kept for this listener, but not for ever.
  void watch() {
    timer_.expires_after(patience_);
    timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
      const auto reader = self.lock();
      if (error || reader == nullptr || !reader->cursor_) return;
      log_warning("Listener {} does not come back from what it was given, and its kernel is gone: given up",
                  reader->name_);
      reader->stop();
      reader->conversation_.reset();
    });
  }

  std::shared_ptr<Conversation> conversation_;
  Worker& worker_;
  std::string name_;
  std::chrono::steady_clock::duration patience_;
  asio::steady_timer timer_;
  std::optional<Cursor> cursor_;
  bool idle_ = false;  // Until there is an object.
};

PluginListener::PluginListener(const Executor& executor, std::shared_ptr<Conversation> conversation,
                               const ListenerDescription& description, std::function<void()> on_end)
    : worker_(std::make_shared<Worker>(executor, description)),
      reader_(std::make_shared<Reader>(executor, std::move(conversation), *worker_, description)) {
  worker_->start(
      [reader = std::weak_ptr(reader_)](bool made) {
        const auto alive = reader.lock();
        if (alive == nullptr) return;
        if (made)
          alive->read_on();
        else
          alive->stop();
      },
      std::move(on_end));
}

PluginListener::~PluginListener() {
  worker_->abandon();
}

}  // namespace nextgen_kernels
