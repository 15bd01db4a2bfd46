# longbow_add_module(NAME source ...): the target NAME, a shared library liblongbow_NAME.so that a
# Longbow server can load. It exports nothing but its entry, needs C++20, and is linked with the SDK;
# link what else it uses with target_link_libraries(NAME PRIVATE Longbow::arrow_flight ...).
function(longbow_add_module name)
  if(NOT ARGN)
    message(FATAL_ERROR "longbow_add_module(${name}): name its source files")
  endif()
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE Longbow::longbow)
  target_compile_features(${name} PRIVATE cxx_std_20)
  set_target_properties(
    ${name}
    PROPERTIES OUTPUT_NAME longbow_${name}
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON)
endfunction()
