// The native reference of the exchange's batches: limit orders, cancels and replaces of one instrument in continuous trading, by price and time, with
// the checks that the flow of the benchmark can fail, and every event and execution written as tickdeck's engine writes them. A dense ladder with one bitmap of
// the levels in use, orders in one pool with FIFO links, client order ids in an open addressing table, ids ever used in a bitmap.
//
// It does less than the engine: one instrument, no order types beyond limit and market, no index by the exchange's own ids, no phases, bands, groups,
// self-trade prevention or statistics beyond last price, volume and positions.
//
//   g++ -O3 -march=native -fno-math-errno -std=c++17 -shared -fPIC -o matching.so matching.cpp

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t kUndefined = INT64_MAX, kKeep = INT64_MAX;
constexpr uint64_t kSalt = 0xD6E8FEB86659FD93, kGolden = 0x9E3779B97F4A7C15;
constexpr uint64_t kOfId = 0x9E3779B97F4A7C15, kOfPrice = 0xD6E8FEB86659FD93, kOfSize = 0xC2B2AE3D27D4EB4F;
constexpr uint32_t kSlotBits = 14;
constexpr uint8_t kLast = 128;

struct Command {  // COMMAND of tickdeck.core.records
    int64_t ts;
    uint64_t client_order_id, order_id;
    int64_t price, size, trigger_price, offset, display_size, minimum_size, expire_ts;
    uint32_t instrument_id, participant_id, group;
    uint8_t kind, side, order_type, time_in_force, self_trade, flags, phase, reserved[5];
};
static_assert(sizeof(Command) == 104, "COMMAND");

struct Event {
    int64_t ts_event, ts_recv;
    uint64_t order_id;
    int64_t price, size;
    uint64_t sequence;
    uint32_t instrument_id;
    int32_t ts_in_delta;
    uint16_t publisher_id;
    uint8_t action, side, flags, channel_id, rtype, reserved;
};
static_assert(sizeof(Event) == 64, "EVENT");

struct Execution {
    int64_t ts_event;
    uint64_t order_id, client_order_id;
    int64_t price, size, remaining;
    uint64_t sequence;
    uint32_t instrument_id, participant_id;
    int64_t limit_value, value;
    uint8_t kind, side;
    uint16_t reason;
    uint8_t flags, reserved[3];
};
static_assert(sizeof(Execution) == 88, "EXECUTION");

struct Order {
    uint64_t client_order_id, id;
    int64_t size, filled;
    uint32_t participant, prev, next;
    int32_t tick;
    bool buy;
};

struct Level {
    int64_t size;
    uint32_t head, tail, count;
};

struct Slot {
    uint32_t tag, order;
};

class Exchange {
  public:
    Exchange(const Command* commands, uint64_t opening, uint64_t total, int64_t tick_size, int32_t ticks, uint32_t participants)
        : commands_(commands), opening_(opening), total_(total), tick_size_(tick_size), inverse_(1.0 / double(tick_size)), ticks_(ticks),
          participants_(participants), events_(1 << 16), executions_(1 << 16) {
        reset();
    }

    void reset() {
        orders_.assign(1, Order{});
        orders_.reserve(1 << 16);
        levels_.assign(2 * size_t(ticks_), Level{});
        bits_[0].assign(ticks_ / 64 + 1, 0);
        bits_[1].assign(ticks_ / 64 + 1, 0);
        slots_.assign(size_t(1) << kSlotBits, Slot{});
        seen_.assign(total_ / 64 + 2, 0);
        positions_.assign(participants_ + 1, 0);
        best_[0] = -1;
        best_[1] = ticks_;
        free_ = 0;
        next_id_ = 1;
        sequence_ = rejected_ = 0;
        volume_ = now_ = 0;
        last_price_ = kUndefined;
        events_count_ = executions_count_ = 0;
        for (uint64_t i = 0; i < opening_; i++) one(commands_[i]);
    }

    void run(uint64_t group, uint64_t* fold) {
        uint64_t fills = 0;
        for (uint64_t start = opening_; start < total_; start += group) {
            const uint64_t end = start + group < total_ ? start + group : total_;
            events_count_ = executions_count_ = 0;
            for (uint64_t i = start; i < end; i++) {
                if (events_count_ + 4096 > events_.size()) events_.resize(2 * events_.size());
                if (executions_count_ + 4096 > executions_.size()) executions_.resize(2 * executions_.size());
                one(commands_[i]);
            }
            if (!fold) continue;
            for (uint64_t i = 0; i < executions_count_; i++) {
                const Execution& e = executions_[i];
                if (e.kind != 'F') continue;
                const uint64_t word = (e.client_order_id * kOfId) ^ (uint64_t(e.price / tick_size_) * kOfPrice) ^ (uint64_t(e.size) * kOfSize);
                *fold += (2 * fills++ + 1) * word;
            }
        }
    }

    uint64_t rejected() const { return rejected_; }

  private:
    const Command* commands_;
    uint64_t opening_, total_;
    int64_t tick_size_;
    double inverse_;
    int32_t ticks_;
    uint32_t participants_;
    std::vector<Order> orders_;
    std::vector<Level> levels_;
    std::vector<uint64_t> bits_[2], seen_;
    std::vector<Slot> slots_;
    std::vector<int64_t> positions_;
    std::vector<Event> events_;
    std::vector<Execution> executions_;
    int32_t best_[2];
    uint32_t free_;
    uint64_t next_id_, sequence_, rejected_, events_count_, executions_count_;
    int64_t volume_, last_price_, now_;

    Level& level(bool buy, int32_t tick) { return levels_[(buy ? 0 : size_t(ticks_)) + tick]; }

    int32_t tick_of(int64_t price) const {
        const double scaled = double(price) * inverse_;
        if (!(scaled > 0 && scaled < double(ticks_))) return -1;
        const int64_t tick = int64_t(scaled + 0.5);
        return tick * tick_size_ == price && tick < ticks_ ? int32_t(tick) : -1;
    }

    void publish(const Command& c, uint8_t action, bool buy, uint64_t id, int64_t price, int64_t size, uint8_t flags) {
        events_[events_count_++] = {now_, now_, id, price, size, sequence_, c.instrument_id, 0, 60001, action, uint8_t(buy ? 'B' : 'A'), flags, 0, 0xA0, 0};
    }

    void report(const Command& c, const Order& o, uint8_t kind, int64_t price, int64_t size, int64_t left, uint16_t reason, uint8_t flags) {
        executions_[executions_count_++] = {now_,          o.id, o.client_order_id, price, size, left, sequence_, c.instrument_id, o.participant, 0, 0,
                                            kind, uint8_t(o.buy ? 'B' : 'A'), reason, flags, {}};
    }

    void refuse(const Command& c, uint16_t reason) {
        rejected_++;
        executions_[executions_count_++] = {c.ts, 0, c.client_order_id, c.price, c.size, 0, sequence_, c.instrument_id, c.participant_id, 0, 0, 'J', c.side,
                                            reason, 0, {}};
    }

    static uint64_t hash(uint64_t participant, uint64_t number) { return (number ^ (participant * kSalt)) * kGolden; }

    uint32_t find(uint64_t participant, uint64_t number, uint64_t hashed) const {
        uint32_t slot = uint32_t(hashed >> (64 - kSlotBits));
        const uint32_t tag = uint32_t(hashed >> 32);
        while (slots_[slot].order) {
            if (slots_[slot].tag == tag) {
                const Order& o = orders_[slots_[slot].order];
                if (o.client_order_id == number && o.participant == participant) break;
            }
            slot = (slot + 1) & ((1u << kSlotBits) - 1);
        }
        return slot;
    }

    void erase(uint32_t hole) {
        const uint32_t mask = (1u << kSlotBits) - 1;
        uint32_t slot = (hole + 1) & mask;
        while (slots_[slot].order) {
            const uint32_t home = slots_[slot].tag >> (32 - kSlotBits);
            if (((slot - home) & mask) >= ((slot - hole) & mask)) {
                slots_[hole] = slots_[slot];
                hole = slot;
            }
            slot = (slot + 1) & mask;
        }
        slots_[hole].order = 0;
    }

    void append(uint32_t order, int32_t tick) {
        Order& o = orders_[order];
        Level& l = level(o.buy, tick);
        if (!l.tail) {
            l.head = order;
            bits_[!o.buy][tick >> 6] |= uint64_t(1) << (tick & 63);
            if (o.buy ? tick > best_[0] : tick < best_[1]) best_[!o.buy] = tick;
        } else {
            orders_[l.tail].next = order;
        }
        o.prev = l.tail;
        o.next = 0;
        o.tick = tick;
        l.tail = order;
        l.size += o.size;
        l.count++;
    }

    void detach(uint32_t order) {
        Order& o = orders_[order];
        Level& l = level(o.buy, o.tick);
        (o.prev ? orders_[o.prev].next : l.head) = o.next;
        (o.next ? orders_[o.next].prev : l.tail) = o.prev;
        l.size -= o.size;
        if (--l.count == 0) vacate(o.buy, o.tick);
    }

    void vacate(bool buy, int32_t tick) {
        std::vector<uint64_t>& bits = bits_[!buy];
        bits[tick >> 6] &= ~(uint64_t(1) << (tick & 63));
        if (tick != best_[!buy]) return;
        int32_t word = tick >> 6;
        if (buy) {
            while (word >= 0 && !bits[word]) word--;
            best_[0] = word < 0 ? -1 : word * 64 + 63 - __builtin_clzll(bits[word]);
        } else {
            const int32_t words = int32_t(bits.size());
            while (word < words && !bits[word]) word++;
            best_[1] = word == words ? ticks_ : word * 64 + __builtin_ctzll(bits[word]);
        }
    }

    void end(uint32_t order) {
        Order& o = orders_[order];
        const uint32_t slot = find(o.participant, o.client_order_id, hash(o.participant, o.client_order_id));
        if (slots_[slot].order) erase(slot);
        o.next = free_;
        free_ = order;
    }

    void trade(const Command& c, uint32_t order, int32_t limit) {
        Order& o = orders_[order];
        while (o.size > 0) {
            const int32_t tick = best_[o.buy];
            if (o.buy ? tick > limit || tick == ticks_ : tick < limit || tick < 0) return;
            Level& l = level(!o.buy, tick);
            const uint32_t resting = l.head;
            Order& r = orders_[resting];
            const int64_t size = o.size < r.size ? o.size : r.size, price = tick * tick_size_;
            sequence_++;
            publish(c, 'T', o.buy, 0, price, size, 0);
            publish(c, 'F', r.buy, r.id, price, size, 0);
            publish(c, 'C', r.buy, r.id, price, size, kLast);
            r.filled += size;
            positions_[r.participant] += r.buy ? size : -size;
            if (r.size == size) {
                detach(resting);
                r.size = 0;
            } else {
                r.size -= size;
                l.size -= size;
            }
            report(c, r, 'F', price, size, r.size, 0, 0);
            o.size -= size;
            o.filled += size;
            positions_[o.participant] += o.buy ? size : -size;
            report(c, o, 'F', price, size, o.size, 0, 1);
            last_price_ = price;
            volume_ += size;
            if (r.size == 0) end(resting);
        }
    }

    void settle(const Command& c, uint32_t order, bool rests, int32_t tick) {
        Order& o = orders_[order];
        if (o.size == 0) {
            end(order);
        } else if (rests) {
            append(order, tick);
            sequence_++;
            publish(c, 'A', o.buy, o.id, tick * tick_size_, o.size, kLast);
            const uint64_t hashed = hash(o.participant, o.client_order_id);
            slots_[find(o.participant, o.client_order_id, hashed)] = {uint32_t(hashed >> 32), order};
        } else {
            report(c, o, 'C', c.price, o.size, 0, 42, 0);
            end(order);
        }
    }

    void add(const Command& c) {
        const uint64_t number = c.client_order_id;
        const int32_t tick = tick_of(c.price);
        if (c.participant_id == 0 || c.participant_id > participants_) return refuse(c, 2);
        if (number / 64 >= seen_.size() || (seen_[number / 64] >> (number & 63) & 1)) return refuse(c, 4);
        if (c.side != 'A' && c.side != 'B') return refuse(c, 5);
        if (c.order_type != 1 || (c.time_in_force != 1 && c.time_in_force != 3)) return refuse(c, 10);
        if (c.flags | c.self_trade | c.group || c.offset | c.display_size | c.minimum_size || c.trigger_price != kUndefined) return refuse(c, 12);
        if (c.size <= 0) return refuse(c, 6);
        if (tick < 0) return refuse(c, 8);
        now_ = c.ts;
        seen_[number / 64] |= uint64_t(1) << (number & 63);
        uint32_t order = free_;
        if (order) {
            free_ = orders_[order].next;
        } else {
            order = uint32_t(orders_.size());
            orders_.emplace_back();
        }
        Order& o = orders_[order];
        o = {number, next_id_++, c.size, 0, c.participant_id, 0, 0, tick, c.side == 'B'};
        report(c, o, 'A', c.price, c.size, c.size, 0, 0);
        trade(c, order, tick);
        settle(c, order, c.time_in_force == 1, tick);
    }

    void one(const Command& c) {
        if (c.ts < now_) return refuse(c, 23);
        if (c.kind == 'N') return add(c);
        const uint32_t order = slots_[find(c.participant_id, c.client_order_id, hash(c.participant_id, c.client_order_id))].order;
        if (!order) return refuse(c, 3);
        Order& o = orders_[order];
        const int64_t old = o.tick * tick_size_;
        if (c.kind == 'C') {
            now_ = c.ts;
            sequence_++;
            publish(c, 'C', o.buy, o.id, old, o.size, kLast);
            detach(order);
            report(c, o, 'C', old, o.size, 0, 40, 0);
            return end(order);
        }
        const int64_t price = c.price == kUndefined ? old : c.price, size = c.size == kKeep ? o.size : c.size;
        const int32_t tick = tick_of(price);
        if (size <= 0) return refuse(c, 6);
        if (tick < 0) return refuse(c, 8);
        now_ = c.ts;
        if (o.buy ? tick >= best_[1] : tick <= best_[0]) {
            sequence_++;
            publish(c, 'C', o.buy, o.id, old, o.size, kLast);
            detach(order);
            end(order);
            free_ = o.next;
            o.size = size;
            report(c, o, 'U', price, size, size, 0, 0);
            trade(c, order, tick);
            return settle(c, order, true, tick);
        }
        sequence_++;
        if (tick == o.tick && size <= o.size) {
            level(o.buy, tick).size += size - o.size;
            o.size = size;
        } else {
            detach(order);
            o.size = size;
            append(order, tick);
        }
        publish(c, 'M', o.buy, o.id, price, size, kLast);
        report(c, o, 'U', price, size, size, 0, 0);
    }
};

}  // namespace

extern "C" {

void* matching_create(const void* commands, uint64_t opening, uint64_t total, int64_t tick_size, int32_t ticks, uint32_t participants) {
    return new Exchange(static_cast<const Command*>(commands), opening, total, tick_size, ticks, participants);
}

void matching_reset(void* exchange) { static_cast<Exchange*>(exchange)->reset(); }

void matching_run(void* exchange, uint64_t group, uint64_t* fold) { static_cast<Exchange*>(exchange)->run(group, fold); }

uint64_t matching_rejected(void* exchange) { return static_cast<Exchange*>(exchange)->rejected(); }

void matching_destroy(void* exchange) { delete static_cast<Exchange*>(exchange); }
}
