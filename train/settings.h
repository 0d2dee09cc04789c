/*
 * settings -- what the lines of settings.def name: for who includes that
 */
#ifndef TRAIN_SETTINGS_H
#define TRAIN_SETTINGS_H

#include "data/aug/aug.h"
#include "data/prep.h"
#include "data/sampler.h"
#include "nn/plan.h"
#include "train/cfg.h"
#include "train/sched.h"

#endif
