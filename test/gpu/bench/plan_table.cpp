#include "plan_table.h"

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace rkv::bench {
namespace {

constexpr size_t kFields = sizeof(rkv_plan) / sizeof(int32_t) - 1;  // all but struct_size

std::string next_word(std::istringstream& line, const std::string& path) {
  std::string word;
  if (!std::getline(line, word, ',')) {
    throw std::runtime_error("Cannot read " + path + ": a line has too few words: make it anew");
  }
  return word;
}

}  // namespace

std::vector<PlanRow> read_plans(const std::string& path, const std::string& shape) {
  std::ifstream file(path);
  std::string text;
  if (!std::getline(file, text)) throw std::runtime_error("Cannot read plans: no lines in \"" + path + "\"");
  std::vector<PlanRow> rows;
  while (std::getline(file, text)) {
    std::istringstream line(text);
    PlanRow row = {};
    rkv_plan plan = {};
    row.shape = next_word(line, path);
    row.context = std::stoi(next_word(line, path));
    row.method = next_word(line, path);
    row.budget = std::stoi(next_word(line, path));
    const int layer = std::stoi(next_word(line, path));  // -1: all of them
    plan.struct_size = sizeof plan;
    int32_t fields[kFields];  // in the struct's order, those of f32 by their bits
    for (int32_t& field : fields) field = std::stoi(next_word(line, path));
    std::memcpy(reinterpret_cast<char*>(&plan) + sizeof plan.struct_size, fields, sizeof fields);
    if (row.shape != shape) continue;
    if (layer <= 0) rows.push_back(row);  // the plans of further layers follow their first one
    rows.back().plans.push_back(plan);
  }
  return rows;
}

std::vector<PlanRow> plans_for(const std::vector<PlanRow>& rows, int context) {
  std::vector<PlanRow> found;
  for (const PlanRow& row : rows) {
    if (row.context == context) found.push_back(row);
  }
  return found;
}

}  // namespace rkv::bench
