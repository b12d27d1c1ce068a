// The native reference of book replay: the same work as tickdeck's `OrderBook.apply(events, bbo=out)`, in the fastest
// single-threaded form known to us. A dense price ladder per instrument, whose price range is taken from the events before
// the clock starts (tickdeck's ladder has to find its range as it goes), orders in one pool with FIFO links, ids in an open
// addressing table. After every event the best bid and ask with their sizes are written to a reused buffer.
//
// As a library (benchmarks drive it through ctypes, so that passes interleave with tickdeck's in one process):
//   g++ -O3 -march=native -fno-math-errno -std=c++17 -shared -fPIC -o ladder.so ladder.cpp
// As a command, over a raw file of EVENT records; prints one line of JSON a pass:
//   g++ -O3 -march=native -fno-math-errno -std=c++17 -o ladder ladder.cpp && ./ladder events.bin TICK_SIZE [passes [prefetch]]
//
// Levels of all books in one array, 64 to a word of a bitmap of those in use. Ticks count from the lowest of the book; the best bid of an
// empty side is -1, the best ask `span`, so that the levels beside a book, which are never used, give the size 0:
//
//   64 unused | book 0: span bids, span asks | 64 unused | book 1: span bids, span asks | 64 unused ...
//               base + tick, base + span + tick
//
// Shapes that look odd are there for speed. On 10 million simulated events (48 to 61 million events/s in all): the id's home slot and the
// tick are read before the branch on the action, which cannot be predicted; rare work stands in functions of their own; `unlink`
// is one function and not six inlined copies; actions are told apart by comparisons and not by a jump table.

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Event {  // EVENT of tickdeck.core.records
    int64_t ts_event, ts_recv;
    uint64_t order_id;
    int64_t price, size;
    uint64_t sequence;
    uint32_t instrument_id;
    int32_t ts_in_delta;
    uint16_t publisher_id;
    uint8_t action, side, flags, channel_id, rtype, reserved;
};
static_assert(sizeof(Event) == 64);

struct Bbo {  // BBO of tickdeck.core.records
    int64_t bid_price, ask_price, bid_size, ask_size;
};
static_assert(sizeof(Bbo) == 32);

struct Order {
    uint64_t id;
    int64_t size;
    uint32_t level, prev, next, unused;
};

struct Level {
    int64_t size;
    uint32_t count, head, tail;
};

struct Slot {
    uint64_t id;
    uint32_t book, order;  // order == NIL: empty, so that id 0 is an id like any other
};

struct alignas(64) Book {
    int64_t best[2];  // ticks above `lowest`
    int64_t lowest;   // tick
    uint32_t base, span;
    int64_t highest;  // tick, while the books are laid out
};

#define RARE __attribute__((noinline, cold))
#define NOINLINE __attribute__((noinline))
#define INLINE __attribute__((always_inline)) inline

constexpr uint32_t NIL = 0xffffffff;
constexpr int64_t UNDEF_PRICE = INT64_MAX;
constexpr uint64_t GOLDEN = 0x9E3779B97F4A7C15ull;
constexpr uint8_t FLAG_LAST = 128, FLAG_SNAPSHOT = 32;
constexpr size_t CHUNK = 65536;
constexpr uint64_t MAX_LEVELS = uint64_t(1) << 26;
constexpr uint64_t NONE = ~uint64_t(0);

Bbo output[CHUNK];

enum Count { UNKNOWN_CANCEL, UNKNOWN_MODIFY, DUPLICATE_ADD, OVERFILLED, OFF_TICK, CROSSED, LIVE_ORDERS, MOST_ORDERS, COUNTS };

// What the event loop works on.
struct Pools {
    Book* books;
    Level* levels;
    uint64_t* in_use;  // one bit a level
    Order* orders;
    uint32_t* free;
    Slot* slots;
    uint64_t mask;
    int shift;
    uint32_t fresh, free_count;  // orders handed out so far, given back
    int64_t tick_size;
    double inverse;
    uint64_t counts[COUNTS];

    int64_t nearest_tick(int64_t price) const { return std::llrint(double(price) * inverse); }

    uint64_t home(uint64_t id, uint32_t book) const { return ((id ^ (uint64_t(book) << 40)) * GOLDEN) >> shift; }

    // Slot of a live order, NONE without one. `i` is its home, `at_home` what was read there.
    template <bool MANY>
    uint64_t find(uint64_t id, uint32_t book, uint64_t i, Slot at_home) const {
        if (at_home.order == NIL) return NONE;
        if (at_home.id == id && (!MANY || at_home.book == book)) return i;
        while (true) {
            if (slots[i].order == NIL) return NONE;
            if (slots[i].id == id && (!MANY || slots[i].book == book)) return i;
            i = (i + 1) & mask;
        }
    }

    // Slot of an order, or the empty one where it would go.
    template <bool MANY>
    uint64_t find_place(uint64_t id, uint32_t book, uint64_t i, Slot at_home) const {
        if (at_home.order == NIL) return i;
        while (slots[i].order != NIL && (slots[i].id != id || (MANY && slots[i].book != book))) i = (i + 1) & mask;
        return i;
    }

    // The same, with nothing read yet.
    template <bool MANY>
    uint64_t place(uint64_t id, uint32_t book) const {
        const uint64_t i = home(id, book);
        return find_place<MANY>(id, book, i, slots[i]);
    }

    void erase(uint64_t i) {
        uint64_t j = i;
        while (true) {
            j = (j + 1) & mask;
            if (slots[j].order == NIL) break;
            if (((j - home(slots[j].id, slots[j].book)) & mask) >= ((j - i) & mask)) {
                slots[i] = slots[j];
                i = j;
            }
        }
        slots[i].order = NIL;
    }

    void link(Book& b, uint32_t x, uint64_t id, uint32_t side, int64_t tick, int64_t size) {
        const uint32_t index = b.base + side * b.span + uint32_t(tick);
        Level& level = levels[index];
        orders[x] = Order{id, size, index, level.tail, NIL, 0};
        if (level.tail != NIL) {
            orders[level.tail].next = x;
        } else {
            level.head = x;
            in_use[index >> 6] |= uint64_t(1) << (index & 63);
            if (side == 0) {
                if (tick > b.best[0]) b.best[0] = tick;
            } else if (tick < b.best[1]) {
                b.best[1] = tick;
            }
        }
        level.tail = x;
        level.size += size;
        level.count++;
    }

    NOINLINE void unlink(Book& b, uint32_t x) {
        const Order& order = orders[x];
        const uint32_t index = order.level;
        Level& level = levels[index];
        level.size -= order.size;
        level.count--;
        if (order.prev != NIL)
            orders[order.prev].next = order.next;
        else
            level.head = order.next;
        if (order.next != NIL)
            orders[order.next].prev = order.prev;
        else
            level.tail = order.prev;
        if (level.count == 0) {
            in_use[index >> 6] &= ~(uint64_t(1) << (index & 63));
            const uint32_t tick = index - b.base;
            if (tick < b.span) {
                if (int64_t(tick) == b.best[0]) {
                    int64_t word = index >> 6;
                    const int64_t first = b.base >> 6;
                    while (word >= first && in_use[word] == 0) word--;
                    b.best[0] = word < first ? -1 : word * 64 + 63 - __builtin_clzll(in_use[word]) - b.base;
                }
            } else if (int64_t(tick - b.span) == b.best[1]) {
                uint64_t word = index >> 6;
                const uint64_t end = (b.base + 2 * b.span) >> 6;
                while (word < end && in_use[word] == 0) word++;
                b.best[1] = word == end ? b.span : int64_t(word * 64 + __builtin_ctzll(in_use[word])) - b.base - b.span;
            }
        }
    }

    void add(Book& b, uint32_t book, const Event& e, uint64_t slot, int64_t tick) {
        const uint32_t x = free_count ? free[--free_count] : fresh++;
        link(b, x, e.order_id, e.side & 1, tick, e.size);
        slots[slot] = Slot{e.order_id, book, x};
    }

    void remove(Book& b, uint64_t slot) {
        const uint32_t x = slots[slot].order;
        unlink(b, x);
        erase(slot);
        free[free_count++] = x;
    }

    template <bool MANY>
    RARE void clear(Book& b, uint32_t book) {
        while (b.best[0] >= 0) remove(b, place<MANY>(orders[levels[b.base + b.best[0]].head].id, book));
        while (b.best[1] < b.span) remove(b, place<MANY>(orders[levels[b.base + b.span + b.best[1]].head].id, book));
    }

    template <bool MANY>
    RARE uint64_t remove_duplicate(Book& b, uint32_t book, const Event& e, uint64_t slot) {
        counts[DUPLICATE_ADD]++;
        remove(b, slot);
        return place<MANY>(e.order_id, book);
    }

    template <bool MANY>
    RARE void modify_unknown_or_to_zero(Book& b, uint32_t book, const Event& e, uint64_t slot, int64_t tick) {
        if (slot != NONE) {
            remove(b, slot);
            return;
        }
        counts[UNKNOWN_MODIFY]++;
        if (e.size) add(b, book, e, place<MANY>(e.order_id, book), tick);
    }

    template <bool MANY>
    INLINE void act(Book& b, uint32_t book, const Event& e) {
        const int64_t tick = nearest_tick(e.price);
        const uint64_t first = home(e.order_id, book);
        const Slot at_home = slots[first];
        if (tick * tick_size != e.price && (e.action == 'A' || e.action == 'M')) {
            counts[OFF_TICK]++;
        } else if (e.action == 'A') {
            uint64_t slot = find_place<MANY>(e.order_id, book, first, at_home);
            if (slots[slot].order != NIL) slot = remove_duplicate<MANY>(b, book, e, slot);
            add(b, book, e, slot, tick - b.lowest);
        } else if (e.action == 'C') {
            const uint64_t slot = find<MANY>(e.order_id, book, first, at_home);
            if (slot == NONE) {
                counts[UNKNOWN_CANCEL]++;
                return;
            }
            Order& order = orders[slots[slot].order];
            if (e.size < order.size) {
                order.size -= e.size;
                levels[order.level].size -= e.size;
                return;
            }
            if (e.size > order.size) counts[OVERFILLED]++;
            remove(b, slot);
        } else if (e.action == 'M') {
            const uint64_t slot = find<MANY>(e.order_id, book, first, at_home);
            if (slot == NONE || e.size == 0) {
                modify_unknown_or_to_zero<MANY>(b, book, e, slot, tick - b.lowest);
                return;
            }
            const uint32_t x = slots[slot].order;
            Order& order = orders[x];
            const uint32_t side = e.side & 1;
            if (order.level == b.base + side * b.span + uint32_t(tick - b.lowest) && e.size <= order.size) {
                levels[order.level].size -= order.size - e.size;
                order.size = e.size;
                return;
            }
            unlink(b, x);
            link(b, x, e.order_id, side, tick - b.lowest, e.size);
        } else if (e.action == 'R') {
            clear<MANY>(b, book);
        }
    }
};

class Market {
  public:
    Market(const Event* events, size_t count, int64_t tick_size) : events_(events), count_(count) {
        pools_.tick_size = tick_size;
        pools_.inverse = 1.0 / double(tick_size);
        lay_out();
        reset();
        replay(0, nullptr);  // learns how many orders live at once: later passes need not grow
        most_ = pools_.fresh;
        learning_ = false;
    }

    // Fresh books; before every pass.
    void reset() {
        for (Book& b : books_) {
            b.best[0] = -1;
            b.best[1] = b.span;
        }
        std::fill(levels_.begin(), levels_.end(), Level{0, 0, NIL, NIL});
        std::fill(in_use_.begin(), in_use_.end(), 0);
        orders_.assign(most_, Order{});
        free_.assign(most_, 0);
        pools_.fresh = pools_.free_count = 0;
        std::memset(pools_.counts, 0, sizeof pools_.counts);
        size_slots(most_ * 8);
    }

    void replay(uint32_t prefetch, uint64_t* checksum) {
        uint64_t fold = 0;
        for (size_t at = 0; at < count_; at += CHUNK) {
            const size_t end = at + CHUNK < count_ ? at + CHUNK : count_;
            if (learning_ && pools_.fresh + CHUNK > orders_.size()) grow();
            if (books_.size() == 1)
                prefetch ? apply<false, true>(at, end, prefetch) : apply<false, false>(at, end, 0);
            else
                prefetch ? apply<true, true>(at, end, prefetch) : apply<true, false>(at, end, 0);
            if (checksum)
                for (size_t i = 0; i < end - at; i++)
                    for (int64_t word : {output[i].bid_price, output[i].ask_price, output[i].bid_size, output[i].ask_size})
                        fold = (fold ^ uint64_t(word)) * GOLDEN;
        }
        if (checksum) *checksum = fold;
        pools_.counts[LIVE_ORDERS] = pools_.fresh - pools_.free_count;
        pools_.counts[MOST_ORDERS] = pools_.fresh;
    }

    const uint64_t* counts() const { return pools_.counts; }
    size_t size() const { return count_; }

  private:
    const Event* events_;
    size_t count_;
    uint64_t most_ = 2 * CHUNK;  // orders that live at once
    bool learning_ = true;
    std::vector<uint32_t> book_of_;  // by instrument id - first_id_
    uint32_t first_id_ = 0;
    std::vector<Book> books_;
    std::vector<Level> levels_;
    std::vector<uint64_t> in_use_;
    std::vector<Order> orders_;
    std::vector<uint32_t> free_;
    std::vector<Slot> slots_;
    Pools pools_{};

    void lay_out() {
        uint32_t last_id = 0;
        first_id_ = NIL;
        for (size_t i = 0; i < count_; i++) {
            if (events_[i].instrument_id < first_id_) first_id_ = events_[i].instrument_id;
            if (events_[i].instrument_id > last_id) last_id = events_[i].instrument_id;
        }
        if (count_ == 0) throw std::runtime_error("no events");
        if (last_id - first_id_ > (1u << 24)) throw std::runtime_error("instrument ids are spread too widely for a dense map");
        book_of_.assign(size_t(last_id - first_id_) + 1, NIL);
        for (size_t i = 0; i < count_; i++) {
            const Event& e = events_[i];
            uint32_t& book = book_of_[e.instrument_id - first_id_];
            if (book == NIL) {
                book = uint32_t(books_.size());
                books_.push_back(Book{{0, 0}, INT64_MAX, 0, 0, INT64_MIN});
            }
            const int64_t tick = pools_.nearest_tick(e.price);
            if ((e.action == 'A' || e.action == 'M') && tick * pools_.tick_size == e.price) {
                if (tick < books_[book].lowest) books_[book].lowest = tick;
                if (tick > books_[book].highest) books_[book].highest = tick;
            }
        }
        uint64_t next = 64;
        for (Book& b : books_) {
            if (b.lowest > b.highest) b.lowest = b.highest = 0;
            const uint64_t span = (uint64_t(b.highest - b.lowest) / 64 + 1) * 64;
            if (span > MAX_LEVELS || next + 2 * span > MAX_LEVELS) throw std::runtime_error("the price range is too wide for a dense ladder");
            b.base = uint32_t(next);
            b.span = uint32_t(span);
            next += 2 * span + 64;
        }
        levels_.resize(next);
        in_use_.resize(next / 64);
    }

    void size_slots(uint64_t wanted) {
        int bits = 10;
        while ((uint64_t(1) << bits) < wanted) bits++;
        slots_.assign(uint64_t(1) << bits, Slot{0, 0, NIL});
        pools_.mask = (uint64_t(1) << bits) - 1;
        pools_.shift = 64 - bits;
        point();
    }

    void point() {
        pools_.books = books_.data();
        pools_.levels = levels_.data();
        pools_.in_use = in_use_.data();
        pools_.orders = orders_.data();
        pools_.free = free_.data();
        pools_.slots = slots_.data();
    }

    void grow() {
        const std::vector<Slot> before = slots_;
        orders_.resize(orders_.size() * 2);
        free_.resize(orders_.size());
        size_slots(orders_.size() * 4);
        for (const Slot& s : before)
            if (s.order != NIL) slots_[pools_.place<true>(s.id, s.book)] = s;
    }

    template <bool MANY>
    uint32_t book_index(const Event& e) const {
        return MANY ? book_of_[e.instrument_id - first_id_] : 0;
    }

    // Of an add; beyond the levels if its price is off the grid.
    static uint64_t level_index(const Pools& p, const Event& e, uint32_t book) {
        const Book& b = p.books[book];
        return uint64_t(b.base + (e.side & 1) * b.span + (p.nearest_tick(e.price) - b.lowest));
    }

    // Three stages of a pipeline, each asking for what the next one reads: slot; order or level; neighbours.
    template <bool MANY>
    INLINE void fetch(const Pools& p, size_t i, uint32_t ahead) const {
        if (i + 2 * ahead < count_) {
            const Event& f = events_[i + 2 * ahead];
            const uint32_t book = book_index<MANY>(f);
            __builtin_prefetch(&p.slots[p.home(f.order_id, book)]);
            if (MANY) __builtin_prefetch(&p.books[book]);
        }
        if (i + ahead < count_) {
            const Event& f = events_[i + ahead];
            const uint32_t book = book_index<MANY>(f);
            if (f.action == 'A') {
                __builtin_prefetch(p.levels + level_index(p, f, book));
            } else {
                const uint32_t order = p.slots[p.home(f.order_id, book)].order;
                if (order != NIL) __builtin_prefetch(&p.orders[order]);
            }
        }
        if (i + ahead / 2 < count_) {
            const Event& f = events_[i + ahead / 2];
            const uint32_t book = book_index<MANY>(f);
            if (f.action == 'A') {
                const uint64_t index = level_index(p, f, book);
                const uint32_t tail = index < levels_.size() ? p.levels[index].tail : NIL;
                if (tail != NIL) __builtin_prefetch(&p.orders[tail]);
            } else {
                const uint32_t x = p.slots[p.home(f.order_id, book)].order;
                if (x != NIL) {
                    const Order& order = p.orders[x];
                    if (order.prev != NIL) __builtin_prefetch(&p.orders[order.prev]);
                    if (order.next != NIL) __builtin_prefetch(&p.orders[order.next]);
                    __builtin_prefetch(&p.levels[order.level]);
                }
            }
        }
    }

    template <bool MANY, bool PREFETCH>
    void apply(size_t at, size_t end, uint32_t ahead) {
        Pools p = pools_;
        Book only = books_[0];
        uint64_t crossed = 0;
        for (size_t i = at; i < end; i++) {
            if (PREFETCH) fetch<MANY>(p, i, ahead);
            const Event& e = events_[i];
            const uint32_t book = book_index<MANY>(e);
            Book& b = MANY ? p.books[book] : only;
            p.act<MANY>(b, book, e);
            if (b.best[0] >= b.best[1]) crossed += (e.flags & (FLAG_LAST | FLAG_SNAPSHOT)) == FLAG_LAST;
            output[i - at] = Bbo{
                b.best[0] < 0 ? UNDEF_PRICE : (b.lowest + b.best[0]) * p.tick_size,
                b.best[1] >= b.span ? UNDEF_PRICE : (b.lowest + b.best[1]) * p.tick_size,
                p.levels[b.base + b.best[0]].size,
                p.levels[b.base + b.span + b.best[1]].size,
            };
        }
        p.counts[CROSSED] += crossed;
        pools_ = p;
        if (!MANY) books_[0] = only;
    }
};

}  // namespace

extern "C" {

// Lays out the books for `events`, which must outlive the market. On failure returns null and writes why to `error`.
void* ladder_create(const void* events, uint64_t count, int64_t tick_size, char* error, uint64_t error_length) {
    try {
        return new Market(static_cast<const Event*>(events), count, tick_size);
    } catch (const std::exception& failure) {
        std::snprintf(error, error_length, "%s", failure.what());
        return nullptr;
    }
}

// Fresh books: before every pass, untimed.
void ladder_reset(void* market) { static_cast<Market*>(market)->reset(); }

// One pass over the events. With `checksum` it also folds every output word into it (and its time says nothing). `prefetch` is a
// distance in events, 0: none.
void ladder_replay(void* market, uint32_t prefetch, uint64_t* checksum) { static_cast<Market*>(market)->replay(prefetch, checksum); }

// unknown cancels, unknown modifies, duplicate adds, overfilled, off tick, crossed, live orders, most orders live at once.
void ladder_counts(void* market, uint64_t* out) { std::memcpy(out, static_cast<Market*>(market)->counts(), COUNTS * sizeof(uint64_t)); }

void ladder_destroy(void* market) { delete static_cast<Market*>(market); }
}

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s EVENTS_FILE TICK_SIZE [PASSES [PREFETCH]]\n", argv[0]);
        return 2;
    }
    std::FILE* file = std::fopen(argv[1], "rb");
    if (!file) {
        std::perror(argv[1]);
        return 1;
    }
    std::fseek(file, 0, SEEK_END);
    std::vector<Event> events(size_t(std::ftell(file)) / sizeof(Event));
    std::rewind(file);
    if (std::fread(events.data(), sizeof(Event), events.size(), file) != events.size()) return 1;
    std::fclose(file);
    try {
        Market market(events.data(), events.size(), std::atoll(argv[2]));
        const int passes = argc > 3 ? std::atoi(argv[3]) : 5;
        const uint32_t prefetch = argc > 4 ? uint32_t(std::atoi(argv[4])) : 0;
        uint64_t checksum;
        market.reset();
        market.replay(prefetch, &checksum);
        for (int pass = 0; pass < passes; pass++) {
            market.reset();
            const auto begin = std::chrono::steady_clock::now();
            market.replay(prefetch, nullptr);
            const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
            std::printf("{\"seconds\": %.9f, \"events\": %zu, \"checksum\": \"%016llx\"}\n", taken.count(), market.size(),
                        static_cast<unsigned long long>(checksum));
        }
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
}
