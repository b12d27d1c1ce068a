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
// Levels of all books in one array. The best bid of an empty side is level 0, the best ask the last one: both have size 0 and lose
// every comparison.
//
//   0..63       | bids of book 0, 64 to a bitmap word | asks of book 0      | bids of book 1 ... | one more
//   never used    origin[0] + tick                      origin[1] + tick                           never used

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
    uint32_t level, prev, next, side;
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
    int64_t origin[2];  // level index of tick 0
    uint32_t bid, ask;  // best levels
    uint32_t first_bid, last_ask;
    int64_t lowest, highest;  // tick range, while the books are laid out
};

#define INLINE __attribute__((always_inline)) inline

constexpr uint32_t NIL = 0xffffffff;
constexpr uint32_t NO_BID = 0;
constexpr int64_t UNDEF_PRICE = INT64_MAX;
constexpr uint64_t GOLDEN = 0x9E3779B97F4A7C15ull;
constexpr uint8_t FLAG_LAST = 128, FLAG_SNAPSHOT = 32;
constexpr size_t CHUNK = 65536;
constexpr uint64_t MAX_LEVELS = uint64_t(1) << 26;

enum Count { UNKNOWN_CANCEL, UNKNOWN_MODIFY, DUPLICATE_ADD, OVERFILLED, OFF_TICK, CROSSED, LIVE_ORDERS, MOST_ORDERS, COUNTS };

// What the event loop works on. The loop keeps a copy in a local variable whose address never escapes, so that the compiler may hold it in
// registers across stores to the pools (worth 30%).
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
    uint32_t no_ask;  // a level behind all others, never in use
    int64_t tick_size;
    double inverse;
    uint64_t counts[COUNTS];

    INLINE bool to_tick(int64_t price, int64_t& tick) const {
        tick = std::llrint(double(price) * inverse);
        return tick * tick_size == price;
    }

    INLINE uint64_t home(uint64_t id, uint32_t book) const { return ((id ^ (uint64_t(book) << 40)) * GOLDEN) >> shift; }

    template <bool MANY>
    INLINE uint64_t find(uint64_t id, uint32_t book) const {
        uint64_t i = home(id, book);
        while (slots[i].order != NIL && (slots[i].id != id || (MANY && slots[i].book != book))) i = (i + 1) & mask;
        return i;
    }

    INLINE void erase(uint64_t i) {
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

    INLINE static uint32_t level_index(const Book& b, int64_t tick, uint32_t side) { return uint32_t(b.origin[side] + tick); }

    INLINE void link(Book& b, uint32_t x, uint64_t id, uint32_t side, uint32_t index, int64_t size) {
        Level& level = levels[index];
        orders[x] = Order{id, size, index, level.tail, NIL, side};
        if (level.tail != NIL) {
            orders[level.tail].next = x;
        } else {
            level.head = x;
            in_use[index >> 6] |= uint64_t(1) << (index & 63);
            if (side == 0) {
                if (index > b.bid) b.bid = index;
            } else if (index < b.ask) {
                b.ask = index;
            }
        }
        level.tail = x;
        level.size += size;
        level.count++;
    }

    INLINE void unlink(Book& b, uint32_t x) {
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
            uint64_t word = index >> 6;
            if (index == b.bid) {
                const uint64_t last = b.first_bid >> 6;
                while (word > last && in_use[word] == 0) word--;
                b.bid = in_use[word] ? uint32_t(word * 64 + 63 - __builtin_clzll(in_use[word])) : NO_BID;
            } else if (index == b.ask) {
                const uint64_t last = b.last_ask >> 6;
                while (word < last && in_use[word] == 0) word++;
                b.ask = in_use[word] ? uint32_t(word * 64 + __builtin_ctzll(in_use[word])) : no_ask;
            }
        }
    }

    INLINE void add(Book& b, uint32_t book, const Event& e, uint64_t slot, uint32_t index, uint32_t side) {
        const uint32_t x = free_count ? free[--free_count] : fresh++;
        link(b, x, e.order_id, side, index, e.size);
        slots[slot] = Slot{e.order_id, book, x};
    }

    INLINE void remove(Book& b, uint64_t slot) {
        const uint32_t x = slots[slot].order;
        unlink(b, x);
        erase(slot);
        free[free_count++] = x;
    }

    INLINE Bbo bbo(const Book& b) const {
        const int64_t bid = (int64_t(b.bid) - b.origin[0]) * tick_size, ask = (int64_t(b.ask) - b.origin[1]) * tick_size;
        return Bbo{b.bid == NO_BID ? UNDEF_PRICE : bid, b.ask == no_ask ? UNDEF_PRICE : ask, levels[b.bid].size, levels[b.ask].size};
    }

    template <bool MANY>
    INLINE void clear(Book& b, uint32_t book) {
        while (b.bid != NO_BID) remove(b, find<MANY>(orders[levels[b.bid].head].id, book));
        while (b.ask != no_ask) remove(b, find<MANY>(orders[levels[b.ask].head].id, book));
    }

    template <bool MANY>
    INLINE void act(Book& b, uint32_t book, const Event& e) {
        switch (e.action) {
            case 'A': {
                int64_t tick;
                if (!to_tick(e.price, tick)) {
                    counts[OFF_TICK]++;
                    break;
                }
                uint64_t slot = find<MANY>(e.order_id, book);
                if (slots[slot].order != NIL) {
                    counts[DUPLICATE_ADD]++;
                    remove(b, slot);
                    slot = find<MANY>(e.order_id, book);
                }
                const uint32_t side = e.side & 1;
                add(b, book, e, slot, level_index(b, tick, side), side);
                break;
            }
            case 'C': {
                const uint64_t slot = find<MANY>(e.order_id, book);
                if (slots[slot].order == NIL) {
                    counts[UNKNOWN_CANCEL]++;
                    break;
                }
                Order& order = orders[slots[slot].order];
                if (e.size < order.size) {
                    order.size -= e.size;
                    levels[order.level].size -= e.size;
                } else {
                    counts[OVERFILLED] += e.size > order.size;
                    remove(b, slot);
                }
                break;
            }
            case 'M': {
                int64_t tick;
                if (!to_tick(e.price, tick)) {
                    counts[OFF_TICK]++;
                    break;
                }
                const uint64_t slot = find<MANY>(e.order_id, book);
                const uint32_t side = e.side & 1;
                if (slots[slot].order == NIL) {
                    counts[UNKNOWN_MODIFY]++;
                    if (e.size) add(b, book, e, slot, level_index(b, tick, side), side);
                    break;
                }
                if (e.size == 0) {
                    remove(b, slot);
                    break;
                }
                const uint32_t x = slots[slot].order;
                Order& order = orders[x];
                const uint32_t index = level_index(b, tick, side);
                if (index == order.level && e.size <= order.size) {
                    levels[index].size -= order.size - e.size;
                    order.size = e.size;
                } else {
                    unlink(b, x);
                    link(b, x, e.order_id, side, index, e.size);
                }
                break;
            }
            case 'R':
                clear<MANY>(b, book);
                break;
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
            b.bid = NO_BID;
            b.ask = pools_.no_ask;
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
                prefetch ? apply<false, true>(at, end, out_.data(), prefetch) : apply<false, false>(at, end, out_.data(), 0);
            else
                prefetch ? apply<true, true>(at, end, out_.data(), prefetch) : apply<true, false>(at, end, out_.data(), 0);
            if (checksum)
                for (size_t i = 0; i < end - at; i++)
                    for (int64_t word : {out_[i].bid_price, out_[i].ask_price, out_[i].bid_size, out_[i].ask_size})
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
    std::vector<Bbo> out_ = std::vector<Bbo>(CHUNK);
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
                books_.push_back(Book{{0, 0}, 0, 0, 0, 0, INT64_MAX, INT64_MIN});
            }
            int64_t tick;
            if ((e.action == 'A' || e.action == 'M') && pools_.to_tick(e.price, tick)) {
                if (tick < books_[book].lowest) books_[book].lowest = tick;
                if (tick > books_[book].highest) books_[book].highest = tick;
            }
        }
        uint64_t next = 64;
        for (Book& b : books_) {
            if (b.lowest > b.highest) b.lowest = b.highest = 0;
            const uint64_t span = (uint64_t(b.highest - b.lowest) / 64 + 1) * 64;
            if (span > MAX_LEVELS || next + 2 * span > MAX_LEVELS) throw std::runtime_error("the price range is too wide for a dense ladder");
            b.first_bid = uint32_t(next);
            b.last_ask = uint32_t(next + 2 * span - 1);
            b.origin[0] = int64_t(next) - b.lowest;
            b.origin[1] = int64_t(next + span) - b.lowest;
            next += 2 * span;
        }
        pools_.no_ask = uint32_t(next);
        levels_.resize(next + 1);
        in_use_.resize(next / 64 + 1);
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
            if (s.order != NIL) slots_[pools_.find<true>(s.id, s.book)] = s;
    }

    template <bool MANY>
    uint32_t book_index(const Event& e) const {
        return MANY ? book_of_[e.instrument_id - first_id_] : 0;
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
                const int64_t tick = std::llrint(double(f.price) * p.inverse);
                __builtin_prefetch(p.levels + p.level_index(p.books[book], tick, f.side & 1));
            } else {
                const uint32_t order = p.slots[p.home(f.order_id, book)].order;
                if (order != NIL) __builtin_prefetch(&p.orders[order]);
            }
        }
        if (i + ahead / 2 < count_) {
            const Event& f = events_[i + ahead / 2];
            const uint32_t book = book_index<MANY>(f);
            if (f.action == 'A') {
                const int64_t tick = std::llrint(double(f.price) * p.inverse);
                const uint32_t index = p.level_index(p.books[book], tick, f.side & 1);
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
    void apply(size_t at, size_t end, Bbo* out, uint32_t ahead) {
        Pools p = pools_;
        Book only = books_[0];
        uint64_t crossed = 0;
        for (size_t i = at; i < end; i++, out++) {
            if (PREFETCH) fetch<MANY>(p, i, ahead);
            const Event& e = events_[i];
            const uint32_t book = book_index<MANY>(e);
            Book& b = MANY ? p.books[book] : only;
            p.act<MANY>(b, book, e);
            *out = p.bbo(b);
            crossed += (e.flags & (FLAG_LAST | FLAG_SNAPSHOT)) == FLAG_LAST && out->bid_price >= out->ask_price && out->bid_size;
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
