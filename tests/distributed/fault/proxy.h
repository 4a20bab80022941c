#pragma once

// A bad network: a TCP proxy that delays, throttles, cuts, swallows, truncates
// and corrupts what passes. Forwards faithfully until told otherwise.

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "mlx/distributed/bootstrap/bell.h"
#include "mlx/distributed/bootstrap/endpoint.h"
#include "mlx/distributed/bootstrap/socket.h"

namespace mlx::core::distributed::testing {

using Bytes = std::vector<std::byte>;

/// What happens to the bytes; offsets count those from connector to acceptor.
struct Fault {
  Milliseconds delay{0};                    ///< of each piece, both ways
  size_t bytes_per_second = 0;              ///< each way; 0: no limit
  bool swallow = false;                     ///< reads, forwards nothing, closes nothing
  std::optional<uint64_t> end_after = {};   ///< a FIN after so many bytes
  std::optional<uint64_t> corrupt_at = {};  ///< flips a bit there, of the first connection only
};

class Proxy {
 public:
  /// Changes what flows from acceptor to connector, piece by piece; one for each connection.
  using Editor = std::function<Bytes(Bytes)>;

  explicit Proxy(Endpoint target, std::function<Editor()> new_editor = {});
  ~Proxy();

  const Endpoint& address() const { return address_; }
  void lead_to(const Endpoint& target);
  void set(const Fault& fault);
  /// Ends every connection: with a RST, or else with a FIN.
  void cut(bool reset);
  /// How many connections there have been.
  int connections() const { return connections_; }

 private:
  struct Piece {
    Bytes bytes;
    Deadline due;
  };
  struct Way {
    std::list<Piece> pieces;
    uint64_t passed = 0;
    Deadline free{};  // when the throttle lets the next piece pass
    bool ended = false;
  };
  struct Pair {
    Socket connector, acceptor;
    Way there, back;
    Editor edit;
    int number;
  };

  void run();
  void accept_new();
  bool serve(Pair& pair);
  bool read(Pair& pair, const Socket& from, Way& way);
  bool write(const Socket& to, Way& way);

  const Socket listener_;
  const Endpoint address_;
  const std::function<Editor()> new_editor_;
  Bell bell_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  Endpoint target_;          // by mutex_
  Fault fault_;              // by mutex_
  std::optional<bool> cut_;  // by mutex_
  std::list<Pair> pairs_;    // by mutex_
  std::thread thread_;
};

/// Leads the connections for data that one rank makes to another through a
/// proxy. No code of the library knows: what the rendezvous says to the one
/// passes through a proxy too, which puts the other's address in place.
class Detour {
 public:
  Detour(const Endpoint& rendezvous, int to_rank);

  /// Where the connecting rank is to find the rendezvous.
  const Endpoint& rendezvous() const { return meeting_.address(); }
  Proxy& link() { return link_; }

 private:
  Proxy::Editor new_editor();

  const std::string key_;
  Proxy link_;
  Proxy meeting_;
};

}  // namespace mlx::core::distributed::testing
